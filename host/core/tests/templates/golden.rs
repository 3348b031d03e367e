//! Every file in `cases/`, rendered.

use crate::fixture::{Fixture, show};

#[test]
fn cases_render_as_recorded() {
    insta::glob!("cases/*.txt", |path| {
        let text = std::fs::read_to_string(path).unwrap();
        let description = text.lines().next().unwrap().to_owned();
        let shown = show(&Fixture::parse(&text).render());
        insta::with_settings!({ description => description, omit_expression => true, snapshot_path => "golden", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("case", shown);
        });
    });
}
