//! `berthage controller` as a process, with everything it needs in its folder.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::authority::Authority;
use crate::error::{Error, Result};
use crate::folder::write;
use crate::home::Home;
use crate::process::Process;
use crate::program::{self, Invocation};
use crate::{client, port, wait};

/// Time that a controller may take until it has listed everything: the first one compiles its plugins.
const START: Duration = Duration::from_mins(2);

/// Time that a controller may take to end.
const END: Duration = Duration::from_secs(30);

/// A controller that runs; dropping it kills it.
pub struct Controller {
    /// The process.
    pub process: Process,
    admin: String,
}

/// Where a controller's hub is.
pub struct Hub {
    /// As the controller.
    pub kubeconfig: String,
    /// Scheme, host and port, as syncers reach it.
    pub server: String,
    /// Whether it is kcp.
    pub kcp: bool,
}

/// How a controller differs from the usual one.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    hub: Option<String>,
    arguments: Vec<OsString>,
}

impl Settings {
    /// It reaches the hub at this address, a proxy's; the syncers go to the hub itself.
    #[must_use]
    pub fn through(mut self, url: &str) -> Self {
        self.hub = Some(url.to_owned());
        self
    }

    /// A flag without a value.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.arguments.push(flag.into());
        self
    }

    /// A flag with its value; it takes the place of the usual value.
    #[must_use]
    pub fn with(mut self, flag: &str, value: impl Into<OsString>) -> Self {
        self.arguments.push(flag.into());
        self.arguments.push(value.into());
        self
    }

    fn has(&self, flag: &str) -> bool {
        self.arguments.iter().any(|argument| argument == flag)
    }
}

impl Controller {
    /// Starts a controller of a hub whose files lie in `folder`, and waits for nothing. `authority` signs the syncers'
    /// certificates; without it there is none, unless the settings name one.
    pub fn launch(
        home: &Home,
        authority: Option<&Authority>,
        folder: &Path,
        name: &str,
        settings: Settings,
    ) -> Result<Self> {
        let direct = home.access().server().to_owned();
        let kubeconfig = home.controller_kubeconfig(settings.hub.as_deref().unwrap_or(&direct));
        let hub = Hub { kubeconfig, server: direct, kcp: home.is_kcp() };
        Self::launch_on(hub, authority, folder, name, settings)
    }

    /// The same, on a hub that is none of the harness's servers.
    pub fn launch_on(
        hub: Hub,
        authority: Option<&Authority>,
        folder: &Path,
        name: &str,
        settings: Settings,
    ) -> Result<Self> {
        let files = folder.join(name);
        std::fs::create_dir_all(&files).map_err(Error::file(&files))?;
        let cache = folder.join("plugin-cache");
        std::fs::create_dir_all(&cache).map_err(Error::file(&cache))?;
        let admin = format!("127.0.0.1:{}", port::reserve()?);
        let mut usual: Vec<(&str, OsString)> = vec![
            ("--log", "info,berthage=debug".into()),
            ("--log-format", "json".into()),
            ("--kubeconfig", write(&files, "hub.kubeconfig", hub.kubeconfig)?.into()),
            ("--share", share(folder)?.into()),
            ("--plugin-cache", cache.into()),
            ("--hub-url", hub.server.into()),
            ("--admin-address", admin.clone().into()),
            ("--probe-interval", "2s".into()),
            ("--request-timeout", "5s".into()),
            ("--connect-timeout", "2s".into()),
        ];
        if let Some(authority) = authority.filter(|_| !settings.has("--ca-cert") && !settings.has("--ca-secret")) {
            usual.push(("--ca-cert", write(&files, "ca.crt", authority.certificate())?.into()));
            usual.push(("--ca-key", write(&files, "ca.key", authority.key())?.into()));
        }
        if hub.kcp {
            usual.push(("--hub", "kcp".into()));
        }
        let mut invocation = Invocation::new(["controller"]);
        for (flag, value) in usual.into_iter().filter(|(flag, _)| !settings.has(flag)) {
            invocation = invocation.argument(flag).argument(value);
        }
        for argument in settings.arguments {
            invocation = invocation.argument(argument);
        }
        let process = invocation.start(&program::berthage()?, name, folder)?;
        Ok(Self { process, admin: format!("http://{admin}") })
    }

    /// Waits until it has listed everything on the hub.
    pub async fn ready(&self) -> Result<()> {
        let url = format!("{}/readyz", self.admin);
        self.process.needed_for("a ready controller", START, wait::until_answers(&url, START)).await
    }

    /// Everything that /metrics says.
    pub async fn metrics(&self) -> Result<String> {
        client::text(&format!("{}/metrics", self.admin)).await
    }

    /// The sum of a metric's samples whose labels contain all of `labels`, such as `controller="synctarget"`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> Result<f64> {
        Ok(sum(&self.metrics().await?, name, labels))
    }

    /// Ends it as a deployment's rollout does; an error if it does not end well.
    pub async fn stop(self) -> Result<()> {
        let status = self.process.terminate(END).await;
        if status.success() { Ok(()) } else { Err(self.process.exited(status, "a good end")) }
    }
}

/// The sum of a metric's samples in what /metrics says, of those whose labels contain all of `labels`.
pub fn sum(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let samples = metrics.lines().filter(|line| {
        line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
            && labels.iter().all(|label| line.contains(label))
    });
    samples.filter_map(|sample| sample.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// A folder with the plugins and templates of this checkout, as `berthage --share` wants it.
pub fn share(folder: &Path) -> Result<PathBuf> {
    let share = folder.join("share");
    std::fs::create_dir_all(&share).map_err(Error::file(&share))?;
    for (name, target) in [("plugins", program::plugins()), ("templates", program::templates())] {
        let link = share.join(name);
        match std::os::unix::fs::symlink(target, &link) {
            Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::File { path: link, source });
            }
            _ => {}
        }
    }
    Ok(share)
}
