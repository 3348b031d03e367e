//! Asks a real server the script of the conformance suite, and writes its answers down or compares them.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use berthage_sandbox::conformance::{Answers, Caller, Kind, Place, Script, Wire, compare, judge, run, sandbox};
use berthage_sandbox::tls::Identity;

const HELP: &str = "\
Asks a real server the script of the conformance suite.

  conformance VERB KIND VERSION ADDRESS AUTHORITY TOKEN IDENTITIES [BASE] [WORD=TEXT...]

  VERB        record (write the answers down), try (the same, and go on where a step fails), compare (with the kept answers of that version), judge (the sandbox against them),
              or sandbox (no server: the sandbox's own answers, to the file ADDRESS)
  KIND        kubernetes, or kcp
  VERSION     of the server, such as v1.36.3
  ADDRESS     host and port, such as 127.0.0.1:6443
  AUTHORITY   file with the certificate of who signed the server's
  TOKEN       the administrator's
  IDENTITIES  folder with USER.crt and USER.key for each user of the script
  BASE        the path of a workspace, such as /clusters/root:conformance
  WORD=TEXT   what the server made up and where: in answers, <WORD> is in its place, and {WORD} in the script is that";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str).ok_or(HELP);
    let (verb, version, address) = (argument(0)?, argument(2)?, argument(3)?);
    let kind = if argument(1)? == "kcp" { Kind::Kcp } else { Kind::Kubernetes };
    let script = Script::read()?;
    if verb == "sandbox" {
        return Ok(sandbox(&script, kind).await?.write(Path::new(address))?);
    }
    let wire = Wire::new(
        address,
        &fs::read_to_string(argument(4)?)?,
        argument(5)?,
        identities(&script, Path::new(argument(6)?))?,
    )?;
    let given = arguments.iter().skip(8).filter_map(|given| given.split_once('='));
    let mut masks: BTreeMap<String, String> = given.map(|(word, text)| (word.to_owned(), text.to_owned())).collect();
    masks.insert("server".to_owned(), address.to_owned());
    let tries = verb == "try";
    let place = Place {
        kind,
        version: version.to_owned(),
        date: jiff::Zoned::now().date().to_string(),
        base: arguments.get(7).cloned().unwrap_or_default(),
        masks,
        patience: Duration::from_secs(if tries { 3 } else { 90 }),
        strict: !tries,
    };
    let real = run(&script, &place, |request| wire.send(request)).await?;
    let path = real.path();
    match verb {
        "record" | "try" => {
            real.write(&path)?;
            say(&format!("{} answers in {}", real.steps.len(), path.display()));
        }
        "compare" => {
            let differences = compare(&Answers::read(&path)?, &real);
            for difference in &differences {
                say(&difference.to_string());
            }
            say(&format!("{} differences between what is kept and this server", differences.len()));
        }
        _ => say(&judge(&script, &real).await?.report()),
    }
    Ok(())
}

fn identities(script: &Script, folder: &Path) -> Result<BTreeMap<Caller, Identity>, Box<dyn Error>> {
    let mut all = BTreeMap::new();
    for caller in script.certificates() {
        let Caller::Certificate { user, .. } = &caller else { continue };
        let file = |end: &str| -> PathBuf { folder.join(format!("{user}.{end}")) };
        let identity =
            Identity { certificate: fs::read_to_string(file("crt"))?, key: fs::read_to_string(file("key"))? };
        all.insert(caller, identity);
    }
    Ok(all)
}

#[expect(clippy::print_stdout, reason = "it is what the program is for")]
fn say(text: &str) {
    println!("{text}");
}
