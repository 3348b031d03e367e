//! What holds for every request.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn whatever_is_asked_there_is_an_answer(
        method in "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|x",
        parts in proptest::collection::vec(
            "clusters|\\*|root(:a)?|services|apiexport|apis?|v1|apps|watch|namespaces|pods|status|apis\\.kcp\\.io|%2f|[a-z:]{0,4}",
            0..9,
        ),
        query in "((watch|fieldSelector|limit|[a-z]{0,3})=(1|metadata.name=a|%zz|[a-z%,=]{0,4})&?){0,3}",
    ) {
        let path = format!("/{}", parts.join("/"));
        let path = decode_path(&path).unwrap();
        let query = Query::parse(&query);
        for flavour in [Flavour::Kubernetes, Flavour::Kcp] {
            let target = match flavour {
                Flavour::Kubernetes => Some(Target::kubernetes(&path)),
                Flavour::Kcp => Target::kcp(&path).unwrap_or(None),
            };
            let Some(target) = target else { continue };
            prop_assert!(target.path.starts_with('/'));
            let Ok(info) = RequestInfo::new(&method, target.path, &query) else { continue };
            prop_assert_eq!(info.is_resource, Endpoint::of(&info) == Endpoint::Resource);
            let base = built_in(flavour);
            let catalog = Catalog::new(flavour, vec![&base]);
            if let (true, Ok(route)) = (info.is_resource, route(&catalog, &info)) {
                prop_assert_eq!(&*route.served.plural, info.resource);
                let verbs = route.subresource.map_or(route.served.verbs, |one| one.verbs);
                prop_assert!(verbs.contains(&&*info.verb));
            }
        }
    }

    #[test]
    fn versions_have_an_order(versions in proptest::collection::vec("v?[0-9]{0,2}(alpha|beta)?[0-9]{0,2}", 0..12)) {
        let mut sorted = versions.clone();
        sorted.sort_by(|one, other| super::priority::kube_aware(one, other));
        for pair in sorted.windows(2) {
            prop_assert!(super::priority::kube_aware(&pair[0], &pair[1]).is_le());
            prop_assert!(super::priority::kube_aware(&pair[1], &pair[0]).is_ge());
        }
    }
}
