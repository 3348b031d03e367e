//! Many workspaces.

use serde_json::json;

use super::{BINDINGS, EXPORTS, Stage, WORKSPACES};

/// What is done about one workspace must not cost what all workspaces cost.
#[test]
fn one_workspace_costs_as_much_among_many() {
    let mut stage = Stage::new();
    let provider = stage.provider("provider", &json!([{"group": "", "resource": "secrets", "verbs": ["get"]}]));
    let accepted = json!([{
        "group": "", "resource": "secrets", "verbs": ["get"], "selector": {"matchAll": true}, "state": "Accepted",
    }]);
    let writes = |stage: &mut Stage, name: &str| {
        let before = stage.world.store.revision();
        let cluster = stage.workspace("root", name);
        stage.bind(&cluster, "root:provider", &accepted.clone());
        assert_eq!(stage.get(&cluster, BINDINGS, ("", "widgets"))["status"]["phase"], "Bound");
        stage.world.store.revision() - before
    };
    // The first one gets the slice its endpoint.
    writes(&mut stage, "first");
    let few = writes(&mut stage, "second");
    for index in 0..count() {
        let many = writes(&mut stage, &format!("w{index}"));
        assert_eq!(many, few);
    }
    assert!(stage.world.virtual_workspace(&provider, "widgets").is_some());
    let before = stage.world.store.revision();
    stage.delete("root", WORKSPACES, ("", "first")).unwrap();
    assert!(stage.world.store.revision() - before < 60);
    assert_ne!(stage.get(&provider, EXPORTS, ("", "widgets")), json!(null));
}

/// As many as the variable says; few without.
fn count() -> usize {
    std::env::var("BERTHAGE_SANDBOX_WORKSPACES").ok().and_then(|text| text.parse().ok()).unwrap_or(5)
}
