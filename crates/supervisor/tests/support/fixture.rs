//! Guard, shell and runtime of this crate's tests: real processes that do what a script says.
//!
//! `supervisor-fixture run FILE` carries out the lines of FILE, one after another, and hangs at
//! their end. `supervisor-fixture shell FOLDER` is a shell that supervises FOLDER's bundled script.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use std::{env, fs, io, thread};

use runtime_store::Asked;
use supervisor::{State, Supervisor};

#[path = "settings.rs"]
mod settings;
#[path = "web.rs"]
mod web;

/// The port was taken.
const PORT_TAKEN: i32 = 98;

/// Milliseconds that every answer takes.
static SLOW: AtomicU64 = AtomicU64::new(0);
static ANSWERS_LEFT: AtomicI64 = AtomicI64::new(i64::MAX);

fn main() {
    supervisor::guard::run_if_asked();
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", script, ..] => run(script),
        ["shell", folder] => shell(Path::new(folder)),
        _ => exit(2),
    }
}

fn run(script: &str) {
    let lines = fs::read_to_string(script).unwrap_or_else(|_| exit(3));
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        step(word, rest);
    }
    hang();
}

fn step(word: &str, rest: &str) {
    match word {
        "print" => say(rest),
        "sleep" => thread::sleep(Duration::from_millis(rest.parse().unwrap_or(0))),
        "exit" => exit(rest.parse().unwrap_or(1)),
        "abort" => std::process::abort(),
        "serve" => serve(rest == "with-id"),
        "web" => web::serve(listen()),
        "hang" => hang(),
        "wait-for" => wait_for(Path::new(rest)),
        // Once: the file says that it was done.
        "exit-once" => {
            if fs::File::create_new(rest).is_ok() {
                exit(1);
            }
        }
        "exit-if" => {
            if Path::new(rest).exists() {
                exit(1);
            }
        }
        "stamp" => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            append(rest, &now.unwrap_or_default().as_nanos().to_string());
        }
        // From the next answer on: every one takes so long, or ends this process instead.
        "slow" => SLOW.store(rest.parse().unwrap_or(0), Ordering::Relaxed),
        "answers" => ANSWERS_LEFT.store(rest.parse().unwrap_or(0), Ordering::Relaxed),
        "serve-elsewhere" => serve_on(bind(rest.parse().unwrap_or(0)), false),
        // Writes wherever a runtime may, and tells where that is.
        "litter" => litter(rest),
        "niceness" => append(rest, &niceness()),
        "pid" => append(rest, &std::process::id().to_string()),
        "ignore-term" => at_term(|| {}),
        // Goes on, and tells that it was asked to end.
        "pid-at-term" => {
            let file = rest.to_owned();
            at_term(move || append(&file, &std::process::id().to_string()));
        }
        "exit-at-term" => at_term(|| exit(0)),
        #[cfg(unix)]
        "setsid" => {
            let _ = rustix::process::setsid();
        }
        // A child that runs another script, and that nobody waits for.
        "spawn" => {
            let me = env::current_exe().unwrap_or_default();
            let child = Command::new(me)
                .args(["run", rest])
                .stdin(Stdio::null())
                .spawn();
            drop(child);
        }
        _ => exit(4),
    }
}

fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

fn append(file: &str, line: &str) {
    if let Ok(mut file) = fs::File::options().create(true).append(true).open(file) {
        let _ = writeln!(file, "{line}");
    }
}

/// A line for each: the folders, and what is in the environment.
fn litter(tell: &str) {
    let home = env::var("HOME").unwrap_or_default();
    let data = env::var("REFIT_DATA").unwrap_or_default();
    let here = env::current_dir().unwrap_or_default();
    for folder in [Path::new(&home), Path::new(&data), &here] {
        let _ = fs::write(folder.join("litter"), "litter");
        let _ = fs::remove_file(folder.join("theirs"));
    }
    append(tell, &format!("HERE={}", here.display()));
    for (name, value) in env::vars() {
        append(tell, &format!("{name}={value}"));
    }
    for arg in env::args() {
        append(tell, &format!("ARG={arg}"));
    }
}

fn niceness() -> String {
    #[cfg(unix)]
    return rustix::process::getpriority_process(None)
        .map(|nice| nice.to_string())
        .unwrap_or_default();
    #[cfg(not(unix))]
    String::new()
}

/// For longer than any test, but not for ever: a test that fails may leave it behind.
fn hang() -> ! {
    thread::sleep(Duration::from_mins(3));
    exit(0);
}

fn wait_for(file: &Path) {
    while !file.exists() {
        thread::sleep(Duration::from_millis(5));
    }
}

/// A handler of SIGTERM, installed once this returns.
#[cfg_attr(not(unix), expect(unused_variables, reason = "there is no SIGTERM"))]
fn at_term(then: impl Fn() + Send + 'static) {
    #[cfg(unix)]
    {
        let (installed, wait) = std::sync::mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                use tokio::signal::unix::{SignalKind, signal};
                let mut term = signal(SignalKind::terminate())?;
                let _ = installed.send(());
                while term.recv().await.is_some() {
                    then();
                }
                Ok::<_, io::Error>(())
            })
        });
        let _ = wait.recv();
    }
}

fn listen() -> TcpListener {
    let port: u16 = env::var("REFIT_PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| exit(5));
    bind(port)
}

fn bind(port: u16) -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap_or_else(|_| {
        say("the port is taken");
        exit(PORT_TAKEN);
    })
}

/// Answers 200 everywhere: `/env`, `/args` and `/cwd` say what was given, `/exit/N` ends it.
fn serve(with_id: bool) {
    serve_on(listen(), with_id);
}

fn serve_on(listener: TcpListener, with_id: bool) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream, with_id);
        }
    });
}

fn answer(mut stream: TcpStream, with_id: bool) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(stream.try_clone()?).read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or("/");
    thread::sleep(Duration::from_millis(SLOW.load(Ordering::Relaxed)));
    if ANSWERS_LEFT.fetch_sub(1, Ordering::Relaxed) <= 0 {
        exit(1);
    }
    if let Some(code) = path.strip_prefix("/exit/") {
        exit(code.parse().unwrap_or(1));
    }
    let body = match path {
        "/env" => env::vars()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
            .join("\n"),
        "/args" => env::args().collect::<Vec<_>>().join("\n"),
        "/cwd" => env::current_dir()?.display().to_string(),
        _ => env::var("REFIT_VERSION").unwrap_or_default(),
    };
    let id = if with_id {
        let id = env::var("REFIT_LAUNCH_ID").unwrap_or_default();
        format!("refit-launch-id: {id}\r\n")
    } else {
        String::new()
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\n{id}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A shell without a store: says `running` once its runtime is ready, and goes on until killed.
fn shell(folder: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap_or_else(|_| exit(6));
    runtime.block_on(async {
        let shell = Arc::new(settings::shell(folder));
        let spec = settings::spec(folder, env::current_exe().unwrap_or_default());
        let supervisor = Supervisor::start(None, shell, spec, Asked::Passively);
        let mut state = supervisor.state();
        if state
            .wait_for(|state| matches!(state, State::Running(_)))
            .await
            .is_ok()
        {
            say("running");
        }
        std::future::pending::<()>().await;
    });
}
