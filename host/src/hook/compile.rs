//! From the bytes of a component to code that the engine runs.
//!
//! Compiling takes from milliseconds to many seconds, and is the one thing that is done with a component before it is in a
//! sandbox. So what others declare is compiled in a process of its own, with bounds on its time and memory and the lowest
//! priority: the reconcilers beside it do not wait, and a component that is made to take all there is takes nothing of theirs.
//! What the operator names on the command line is compiled here, before anything runs.
//!
//! A file that several use is compiled once, and is in memory once.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::cache::{Cache, deserialize};
use super::digest::Digest;
use super::engine::{Budget, HookEngine, base_config};
use super::error::Failure;
use super::inspect::inspect;
use super::text;

/// Time of a compilation apart, by the clock and of a processor.
const TIME: Duration = Duration::from_mins(3);
/// Memory of a compilation apart: an interpreter of 20 MiB takes about half of it.
const MEMORY: u64 = 3 << 30;
/// The most bytes of compiled code.
const CODE: u64 = 512 << 20;
/// The most bytes of what such a process has to say.
const WORDS: u64 = 1 << 10;

/// A component, compiled.
pub(super) struct Compiled {
    pub(super) component: Arc<Component>,
    pub(super) digest: Digest,
}

/// See the module.
pub(super) struct Compiler {
    engine: HookEngine,
    cache: Option<Cache>,
    /// The program that compiles apart; none: everything is compiled here.
    program: Option<PathBuf>,
    shared: Mutex<HashMap<Digest, Weak<Component>>>,
}

impl Compiler {
    pub(super) fn new(engine: HookEngine, cache: Option<Cache>, program: Option<PathBuf>) -> Self {
        Self { engine, cache, program, shared: Mutex::default() }
    }

    /// Compiles in this process.
    pub(super) fn here(&self, bytes: &[u8]) -> Result<Compiled, Failure> {
        self.find(bytes, |bytes| component(self.engine.wasmtime(), bytes))
    }

    /// Compiles in a process of its own, where there is a program for it. Blocks for as long as that takes.
    pub(super) fn apart(&self, bytes: &[u8]) -> Result<Compiled, Failure> {
        // Fuel is for simulations, whose engine has another code than a program's.
        match self.program.as_deref().filter(|_| self.engine.budget() == Budget::Time) {
            None => self.here(bytes),
            Some(program) => self.find(bytes, |bytes| {
                let code = ask(program, bytes)?;
                // The code is of this very program, by way of a pipe that nobody else has.
                deserialize(self.engine.wasmtime(), &code)
                    .map_err(|error| Failure::NotCompiled { why: text::clean(&format!("{error:#}"), 256) })
            }),
        }
    }

    fn find(
        &self,
        bytes: &[u8],
        compile: impl FnOnce(&[u8]) -> Result<Component, Failure>,
    ) -> Result<Compiled, Failure> {
        inspect(bytes)?;
        let digest = Digest::of(bytes);
        if let Some(component) = self.shared().get(&digest).and_then(Weak::upgrade) {
            return Ok(Compiled { component, digest });
        }
        let engine = self.engine.wasmtime();
        let cached = self.cache.as_ref().and_then(|cache| cache.get(engine, &digest));
        let component = Arc::new(match cached {
            Some(component) => component,
            None => {
                let component = compile(bytes)?;
                if let Some(cache) = &self.cache {
                    cache.put(engine, &digest, &component);
                }
                component
            }
        });
        let mut shared = self.shared();
        shared.retain(|_, held| held.strong_count() > 0);
        shared.insert(digest, Arc::downgrade(&component));
        Ok(Compiled { component, digest })
    }

    /// The table is whole after every statement: a panic elsewhere does not spoil it.
    fn shared(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Weak<Component>>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compiles one component, which nobody shares.
pub(super) fn here(engine: &HookEngine, bytes: &[u8]) -> Result<Compiled, Failure> {
    inspect(bytes)?;
    Ok(Compiled { component: Arc::new(component(engine.wasmtime(), bytes)?), digest: Digest::of(bytes) })
}

fn component(engine: &Engine, bytes: &[u8]) -> Result<Component, Failure> {
    Component::from_binary(engine, bytes)
        .map_err(|error| Failure::NotAComponent { why: text::clean(&format!("{:#}", error.root_cause()), 256) })
}

/// Has the program compile: the component goes into its standard input, the code comes out of its standard output.
fn ask(program: &Path, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::NotCompiled { why: error.to_string() };
    let mut child = Command::new(program)
        .args(["plugin", "compile"])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (said, told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A process that ended before it has read everything says why.
            let _ = stdin.map(|mut pipe| pipe.write_all(bytes));
        });
        let words = scope.spawn(move || read(stderr, WORDS));
        scope.spawn(move || said.send(read(stdout, CODE + 1)));
        let answer = told.recv_timeout(TIME);
        if answer.is_err() || matches!(&answer, Ok(Ok(code)) if code.len() as u64 > CODE) {
            // It also ends the threads that read from it.
            child.kill().map_err(failed)?;
        }
        let status = child.wait().map_err(failed)?;
        let words = words.join().ok().and_then(Result::ok).unwrap_or_default();
        let code = match answer {
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                return Err(Failure::Uncompilable { why: format!("it takes more than {} s", TIME.as_secs()) });
            }
            Ok(read) => read.map_err(failed)?,
        };
        if code.len() as u64 > CODE {
            return Err(Failure::Uncompilable { why: format!("its code is larger than {CODE} bytes") });
        }
        if status.success() {
            return Ok(code);
        }
        let why = text::clean(&String::from_utf8_lossy(&words), 256);
        Err(match (status.code(), why.strip_prefix(REFUSED)) {
            (Some(_), Some(why)) => Failure::NotAComponent { why: why.to_owned() },
            // Out of memory, or of its time: the process is ended, or ends itself.
            _ => Failure::Uncompilable {
                why: format!("it takes more than {} MiB of memory, or {} s", MEMORY >> 20, TIME.as_secs()),
            },
        })
    })
}

fn read(pipe: Option<impl Read>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// How the process that compiles begins to say what is wrong with a component.
const REFUSED: &str = "refused: ";

/// Why a component was not compiled for another process.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The bounds cannot be set.
    #[error("the bounds of a compilation cannot be set: {0}")]
    Bounds(#[from] rustix::io::Errno),
    /// The pipes.
    #[error("the component cannot be read, or its code not be written: {0}")]
    Pipe(#[from] std::io::Error),
    /// The engine.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// The component.
    #[error("{REFUSED}{0}")]
    Component(String),
}

/// What `berthage plugin compile` does: compiles what comes, within bounds that this process gives itself first.
///
/// # Errors
/// See [`CompileError`].
pub fn compile_for_others(mut from: impl Read, mut to: impl Write) -> Result<(), CompileError> {
    let at_most = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::Data, at_most(MEMORY))?;
    setrlimit(Resource::Cpu, at_most(TIME.as_secs()))?;
    setrlimit(Resource::Core, at_most(0))?;
    nice(19)?;
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    let engine = Engine::new(&base_config(Budget::Time)).map_err(|error| CompileError::Engine(format!("{error:#}")))?;
    let code = engine.precompile_component(&bytes);
    let code = code.map_err(|error| CompileError::Component(text::clean(&format!("{:#}", error.root_cause()), 256)))?;
    to.write_all(&code)?;
    to.flush()?;
    Ok(())
}
