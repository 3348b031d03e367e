//! Controllers of a test's hub.

pub(crate) use berthage_e2e::controller::{Controller, Settings};

use super::{Hub, Result};

impl Hub<'_> {
    /// Starts a controller, and waits until it has listed everything on the hub.
    pub(crate) async fn controller(&self, name: &str, settings: Settings) -> Result<Controller> {
        let controller = self.launch(name, settings)?;
        controller.ready().await?;
        Ok(controller)
    }

    /// Starts a controller and waits for nothing.
    pub(crate) fn launch(&self, name: &str, settings: Settings) -> Result<Controller> {
        Ok(Controller::launch(self.home, Some(self.authority), self.folder, name, settings)?)
    }
}
