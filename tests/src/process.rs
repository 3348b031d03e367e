//! One child process that cannot outlive its owner.
//!
//! Each child has a thread of its own, which starts it and then waits for it. That thread is the child's parent in the
//! kernel's eyes, so the parent-death signal comes when this program ends in any way, and never before (a thread of an
//! asynchronous runtime would not do: it ends with the runtime, and its children with it). Nothing here needs a runtime
//! to be alive, so processes are shared freely between tests that have one each.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Result};

/// How many lines of a log an error quotes.
const TAIL_LINES: usize = 25;

/// A running (or ended) child; dropping it kills the child and waits until it is gone.
pub struct Process {
    name: String,
    log: PathBuf,
    pid: libc::pid_t,
    exit: watch::Receiver<Option<ExitStatus>>,
    lines: watch::Receiver<usize>,
    shared: Arc<Shared>,
    waiter: Option<thread::JoinHandle<()>>,
}

/// What the threads of a child share with its owner.
#[derive(Default)]
struct Shared {
    /// True as long as the process id is surely ours: a signal is sent under this lock only.
    alive: Mutex<bool>,
    /// Lines of output so far; also in the log file.
    lines: Mutex<Vec<String>>,
}

impl Process {
    /// Starts `command` with its output appended to the file `log`; `name` is for messages.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let failed = |source| Error::Start { program: name.to_owned(), source };
        let mut file = OpenOptions::new().create(true).append(true).open(log).map_err(Error::file(log))?;
        let (output, input) = std::io::pipe().map_err(failed)?;
        command.stdin(Stdio::null()).stdout(input.try_clone().map_err(failed)?).stderr(input);
        // A process group of its own: Ctrl-C at a terminal reaches the owner, which then ends its children in order.
        command.process_group(0);
        die_with_parent(&mut command);

        let shared = Arc::new(Shared::default());
        let (exit_sender, exit) = watch::channel(None);
        let (line_sender, lines) = watch::channel(0);
        let (started_sender, started) = mpsc::sync_channel(1);
        let waiter = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("wait {name}"))
                .spawn(move || {
                    let spawned = command.spawn();
                    // The command holds the writing end of the pipe: without this the reader would never see its end.
                    drop(command);
                    match spawned {
                        Ok(child) => {
                            *lock(&shared.alive) = true;
                            let _ = started_sender.send(Ok(child.id()));
                            exit_sender.send_replace(reap(child, &shared));
                        }
                        Err(error) => drop(started_sender.send(Err(error))),
                    }
                })
                .map_err(failed)?
        };
        let pid = match started.recv() {
            Ok(Ok(pid)) => libc::pid_t::try_from(pid).unwrap_or(libc::pid_t::MAX),
            Ok(Err(error)) => return Err(failed(error)),
            Err(_) => return Err(failed(std::io::Error::other("its thread ended early"))),
        };
        {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("log {name}"))
                .spawn(move || copy_lines(output, &mut file, &shared, &line_sender))
                .map_err(failed)?;
        }
        Ok(Self { name: name.to_owned(), log: log.to_owned(), pid, exit, lines, shared, waiter: Some(waiter) })
    }

    /// The name given at start.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id. It stays reserved until the process was seen to end.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The file that holds all its output.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// All output so far.
    pub fn output(&self) -> String {
        lock(&self.shared.lines).join("\n")
    }

    /// How it ended, or nothing while it runs.
    pub fn exit_status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Sends a signal; nothing happens when the process has already ended.
    pub fn signal(&self, signal: i32) {
        let alive = lock(&self.shared.alive);
        if *alive {
            // SAFETY: plain system call; the process is not reaped while the lock is held, so the id is still ours.
            #[expect(unsafe_code, reason = "the standard library sends no signal but SIGKILL")]
            unsafe {
                libc::kill(self.pid, signal);
            }
        }
    }

    /// Stops the process from running without ending it; its sockets stay open and silent.
    pub fn pause(&self) {
        self.signal(libc::SIGSTOP);
    }

    /// Lets a paused process run on.
    pub fn resume(&self) {
        self.signal(libc::SIGCONT);
    }

    /// Waits for the end of the process.
    pub async fn ended(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        loop {
            if let Some(status) = *exit.borrow_and_update() {
                return status;
            }
            if exit.changed().await.is_err() {
                // The sender lives in the waiting thread and sends before it ends.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Asks the process to end with SIGTERM and kills it when it has not done so in time.
    pub async fn terminate(&self, patience: Duration) -> ExitStatus {
        self.signal(libc::SIGTERM);
        match tokio::time::timeout(patience, self.ended()).await {
            Ok(status) => status,
            Err(_) => self.kill().await,
        }
    }

    /// Kills the process and waits until it is gone.
    pub async fn kill(&self) -> ExitStatus {
        self.signal(libc::SIGKILL);
        self.ended().await
    }

    /// Waits until a line of the output satisfies `accept`, lines before the call included, and gives that line.
    pub async fn line(&self, awaited: &str, patience: Duration, accept: impl Fn(&str) -> bool) -> Result<String> {
        let search = async {
            let mut lines = self.lines.clone();
            let mut seen = 0;
            loop {
                let count = *lines.borrow_and_update();
                if let Some(line) = lock(&self.shared.lines)[seen..count].iter().find(|line| accept(line)) {
                    return Some(line.clone());
                }
                seen = count;
                if lines.changed().await.is_err() {
                    return None;
                }
            }
        };
        match tokio::time::timeout(patience, search).await {
            Ok(Some(line)) => Ok(line),
            Ok(None) => Err(self.exited(self.ended().await, awaited)),
            Err(_) => Err(self.late(awaited, patience)),
        }
    }

    /// Awaits `work`, and gives an error that quotes the log when the process ends first or `patience` runs out.
    pub async fn needed_for<T>(
        &self,
        awaited: &str,
        patience: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            result = work => result,
            status = self.ended() => Err(self.exited(status, awaited)),
            () = tokio::time::sleep(patience) => Err(self.late(awaited, patience)),
        }
    }

    /// The error for a process that ended with `status` while it was needed for something.
    pub(crate) fn exited(&self, status: ExitStatus, awaited: &str) -> Error {
        Error::Exited {
            program: self.name.clone(),
            status,
            awaited: awaited.to_owned(),
            log: self.log.clone(),
            tail: tail(&self.log),
        }
    }

    fn late(&self, awaited: &str, waited: Duration) -> Error {
        Error::Late {
            program: self.name.clone(),
            awaited: awaited.to_owned(),
            waited,
            log: self.log.clone(),
            tail: tail(&self.log),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
        if let Some(waiter) = self.waiter.take() {
            // Nothing to do about a panic over there; after SIGKILL this takes milliseconds.
            drop(waiter.join());
        }
    }
}

/// Asks the kernel to kill the child when the thread that starts it is gone.
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec only async-signal-safe calls are made: prctl, getppid and _exit; no allocation.
    #[expect(unsafe_code, reason = "the parent-death signal can only be set between fork and exec")]
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            // The parent may have died before the call above; its signal would then never come.
            if libc::getppid().cast_unsigned() != parent {
                libc::_exit(1);
            }
            Ok(())
        });
    }
}

/// Waits for the end of `child`, then collects its status under the lock that guards signals.
fn reap(mut child: Child, shared: &Shared) -> Option<ExitStatus> {
    loop {
        // SAFETY: an all-zero siginfo_t is valid and is only written to; WNOWAIT leaves the child to be collected.
        #[expect(unsafe_code, reason = "the standard library cannot wait without giving the process id free")]
        let result = unsafe {
            let mut information: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, child.id(), &raw mut information, libc::WEXITED | libc::WNOWAIT)
        };
        if result == 0 || std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            break;
        }
    }
    let mut alive = lock(&shared.alive);
    let status = child.wait().ok();
    *alive = false;
    status
}

/// Copies the child's output line by line to its log and to memory.
fn copy_lines(output: impl Read, log: &mut File, shared: &Shared, count: &watch::Sender<usize>) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while matches!(output.read_until(b'\n', &mut line), Ok(length) if length > 0) {
        // A full disk must not stop the child by a full pipe: the line is then in memory only.
        let _ = log.write_all(&line);
        let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
        let mut lines = lock(&shared.lines);
        lines.push(text);
        let length = lines.len();
        drop(lines);
        count.send_replace(length);
        line.clear();
    }
}

/// The last lines of a log file, for error messages.
fn tail(log: &Path) -> String {
    let mut text = String::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(16 * 1024)));
        let mut bytes = Vec::new();
        let _ = file.read_to_end(&mut bytes);
        text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Locks, also after a panic elsewhere: what is guarded here is never left half-written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, folder: &Path) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Process::start("shell", command, &folder.join("shell.log")).unwrap()
    }

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_line_is_found_before_and_after_the_call() {
        let folder = crate::folder::RunFolder::new("process").unwrap();
        let process = shell("echo one; sleep 0.1; echo two >&2; exec sleep 1000", folder.path());
        assert_eq!(process.line("two", PATIENCE, |line| line.starts_with('t')).await.unwrap(), "two");
        assert_eq!(process.line("one", PATIENCE, |line| line.starts_with('o')).await.unwrap(), "one");
        assert_eq!(std::fs::read_to_string(process.log()).unwrap(), "one\ntwo\n");
    }

    #[tokio::test]
    async fn an_early_end_is_an_error_with_the_last_lines() {
        let folder = crate::folder::RunFolder::new("process").unwrap();
        let process = shell("echo out of bread; exit 3", folder.path());
        let error = process.line("bread", PATIENCE, |line| line == "bread").await.unwrap_err();
        assert!(matches!(&error, Error::Exited { status, .. } if status.code() == Some(3)), "{error:?}");
        assert!(error.to_string().ends_with("out of bread"), "{error}");
    }

    #[tokio::test]
    async fn a_deadline_is_an_error_that_names_what_was_awaited() {
        let folder = crate::folder::RunFolder::new("process").unwrap();
        let process = shell("exec sleep 1000", folder.path());
        let error = process.line("bread", Duration::from_millis(1), |_| true).await.unwrap_err();
        assert!(error.to_string().starts_with("shell: no bread within 1ms"), "{error}");
    }

    #[tokio::test]
    async fn a_stubborn_process_is_killed_and_its_drop_ends_it_too() {
        let folder = crate::folder::RunFolder::new("process").unwrap();
        let process = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done", folder.path());
        process.line("ready", PATIENCE, |line| line == "ready").await.unwrap();
        let status = process.terminate(Duration::from_millis(50)).await;
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));

        let process = shell("exec sleep 1000", folder.path());
        let in_proc = PathBuf::from(format!("/proc/{}", process.pid()));
        assert!(in_proc.exists());
        drop(process);
        assert!(!in_proc.exists());
    }

    #[test]
    fn a_program_that_is_not_there_cannot_start() {
        let folder = crate::folder::RunFolder::new("process").unwrap();
        let started = Process::start("ghost", Command::new("/nonexistent/ghost"), &folder.path().join("ghost.log"));
        assert!(matches!(started.err(), Some(Error::Start { .. })));
    }
}
