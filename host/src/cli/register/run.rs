//! The steps of a registration: look, make the account, get its token, try it, tell the hub.

use std::path::Path;
use std::time::Duration;

use berthage_core::names::{TMC_GROUP, WORKLOAD_GROUP};
use jiff::{SignedDuration, Timestamp};
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};
use serde_json::Value;

use super::endpoint::{self, Endpoint};
use super::objects::Plan;
use super::requests::{self, Token};
use super::{Register, RegisterError, resources};
use crate::access::{Access, AddressPolicy, Side};
use crate::args::HubArgs;
use crate::controller::{HubConfigError, hub_config};

/// Longest time for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Stands where the token belongs in what is printed.
const PLACE: &str = "TOKEN";

/// Somebody who is told of the progress.
pub type Tell = fn(&str) -> std::io::Result<()>;

/// Registers the cluster, or tells what that would be.
pub async fn run(args: &Register, tell: Tell) -> Result<(), RegisterError> {
    let tell = |text: &str| tell(text).map_err(RegisterError::Output);
    let kubeconfig_error = |source| RegisterError::Kubeconfig { path: args.kubeconfig.clone(), source };
    let (kubeconfig, config) = read(&args.kubeconfig, args.context.as_ref()).await.map_err(kubeconfig_error)?;
    let endpoint = Endpoint::new(&kubeconfig, args.context.as_deref(), &config, args.server.as_deref())?;
    let cluster = client(config)
        .map_err(|source| RegisterError::Client { path: args.kubeconfig.clone(), source: Box::new(source) })?;
    let resources = resources::resolve(&args.resources, &resources::served(&cluster, &args.resources).await?)?;
    let account = args.account();
    let plan = Plan {
        name: &args.name,
        namespace: &args.namespace,
        cluster_namespace: &args.cluster_namespace,
        account: &account,
        location: args.location.as_deref(),
        resources: &resources,
        target: !args.no_target,
    };
    if args.print {
        return tell(&printed(args, &plan, &endpoint).map_err(RegisterError::Text)?);
    }
    let hub = HubArgs { kubeconfig: args.hub_kubeconfig.clone(), context: args.hub_context.clone() };
    // The words for what is wrong name this command's flags, not the controller's.
    let hub = hub_config(&hub).await.map_err(|error| match error {
        HubConfigError::Kubeconfig(source) => RegisterError::Hub(source),
        HubConfigError::NoHub(source) => RegisterError::NoHub(source),
    })?;
    let hub = client(hub).map_err(|error| RegisterError::HubClient(Box::new(error)))?;
    for group in [TMC_GROUP, WORKLOAD_GROUP] {
        requests::serves(&hub, group).await?;
    }

    tell(&format!("In the cluster at {}:\n", endpoint.server()))?;
    for object in plan.in_cluster() {
        requests::apply(&cluster, Side::Physical, &object).await?;
        tell(&format!("  {} applied\n", title(&object)))?;
    }
    let asked = args.token_duration.get();
    let account = [plan.cluster_namespace, plan.account];
    let token = requests::token(&cluster, Side::Physical, account, asked).await?;
    tell(&format!("  {}\n", granted(&token, asked, Timestamp::now())))?;
    let document = endpoint.kubeconfig(plan.name, plan.account, &token.token);
    let kubeconfig = endpoint::json(&document).ok_or(RegisterError::Token)?;
    // By the controller's own rules, before the hub has it.
    let access = Access::parse(&kubeconfig, AddressPolicy::default()).map_err(RegisterError::Unacceptable)?;
    tell(&match requests::try_out(&access).await {
        Ok(()) => "  tried: the account reaches the cluster with it\n".to_owned(),
        Err(problem) => format!(
            "  warning: the account could not be tried from here: {problem}. If the controller reaches the cluster where \
             this program does not, all is well; the ClusterRegistration's status will tell.\n"
        ),
    })?;

    tell("On the hub:\n")?;
    let secret = plan.secret(&kubeconfig).ok_or(RegisterError::Token)?;
    requests::apply_secret(&hub, &plan, &secret).await?;
    tell(&format!("  Secret {}/{} applied\n", plan.namespace, plan.secret_name()))?;
    for object in plan.on_hub() {
        requests::apply(&hub, Side::Hub, &object).await?;
        tell(&format!("  {} applied\n", title(&object)))?;
    }
    let kind = if plan.target { "synctarget" } else { "clusterregistration" };
    tell(&format!("Next: kubectl get {kind} {} -o wide, with the hub's kubeconfig\n", plan.name))
}

async fn read(path: &Path, context: Option<&String>) -> Result<(Kubeconfig, Config), KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(path)?;
    let options = KubeConfigOptions { context: context.cloned(), ..KubeConfigOptions::default() };
    let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
    Ok((kubeconfig, config))
}

fn client(mut config: Config) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(TIMEOUT);
    config.write_timeout = Some(TIMEOUT);
    config.reset_reader_on_write = true;
    Client::try_from(config)
}

/// `Kind namespace/name`.
pub(super) fn title(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match text("/metadata/namespace") {
        "" => format!("{} {}", text("/kind"), text("/metadata/name")),
        namespace => format!("{} {namespace}/{}", text("/kind"), text("/metadata/name")),
    }
}

/// How long the token is valid, and whether that is what was asked for.
fn granted(token: &Token, asked: Duration, now: Timestamp) -> String {
    let until = token.expires_at;
    let wanted = SignedDuration::try_from(asked).ok().and_then(|asked| now.checked_add(asked).ok());
    // Clocks differ a little, and API servers take some seconds off.
    let short = wanted.is_some_and(|wanted| wanted.duration_since(until) > SignedDuration::from_mins(10));
    if short {
        format!(
            "warning: the token is valid until {until} only: the API server grants no more \
             (--service-account-max-token-expiration). Register again before that."
        )
    } else {
        format!("token, valid until {until}; register again before that")
    }
}

/// Everything as YAML, with what to do about the token.
fn printed(args: &Register, plan: &Plan<'_>, endpoint: &Endpoint) -> Result<String, serde_saphyr::ser::Error> {
    let kubeconfig = serde_saphyr::to_string(&endpoint.kubeconfig(plan.name, plan.account, PLACE))?;
    let in_cluster = crate::cli::documents(&plan.in_cluster())?;
    let secret = crate::cli::documents(&[plan.printed_secret(&kubeconfig)])?;
    let on_hub = crate::cli::documents(&plan.on_hub())?;
    let (account, namespace, duration) = (plan.account, plan.cluster_namespace, args.token_duration);
    Ok(format!(
        "# In the physical cluster at {}.\n{in_cluster}\
         # On the hub. Put a token in the place of {PLACE}; with the cluster's kubeconfig, this gives one:\n\
         #   kubectl -n {namespace} create token {account} --duration={duration}\n{secret}{on_hub}",
        endpoint.server()
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;
    use zeroize::Zeroizing;

    use super::*;
    use crate::cli::register::endpoint::tests::example;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        register: Register,
    }

    #[test]
    fn what_is_printed_has_a_place_for_the_token_and_says_how_to_get_one() {
        let args = Program::parse_from(["register", "east", "--kubeconfig", "f"]).register;
        let plan = Plan {
            name: "east",
            namespace: "default",
            cluster_namespace: "berthage-system",
            account: "berthage-controller",
            location: None,
            resources: &[],
            target: true,
        };
        let text = printed(&args, &plan, &example()).unwrap();
        assert_eq!(text.matches("\n---\n").count(), 7);
        assert!(text.contains("token: TOKEN"), "{text}");
        assert!(text.contains("#   kubectl -n berthage-system create token berthage-controller --duration=8760h"));
    }

    #[test]
    fn a_token_that_ends_early_is_told() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let token =
            |expires_at: &str| Token { token: Zeroizing::new("t".to_owned()), expires_at: expires_at.parse().unwrap() };
        let hour = Duration::from_secs(3600);
        let full = granted(&token("2026-01-01T00:59:57Z"), hour, now);
        assert!(full.starts_with("token, valid until 2026-01-01T00:59:57Z"), "{full}");
        let short = granted(&token("2026-01-01T00:30:00Z"), hour, now);
        assert!(short.starts_with("warning: ") && short.contains("2026-01-01T00:30:00Z"), "{short}");
    }

    #[test]
    fn objects_are_named_with_their_namespace() {
        let object = json!({ "kind": "Secret", "metadata": { "name": "n", "namespace": "ns" } });
        assert_eq!(title(&object), "Secret ns/n");
        assert_eq!(title(&json!({ "kind": "Namespace", "metadata": { "name": "n" } })), "Namespace n");
    }
}
