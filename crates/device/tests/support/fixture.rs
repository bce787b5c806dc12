//! Guard and runtime of this crate's tests: a real program that does what the entry of the version
//! that is launched says.
//!
//! `device-fixture run FILE` carries out the lines of FILE, one after another, and then answers on
//! its port: `/busy` with what `busy.json` in its working folder holds, everything else with its
//! version; asked for `/die` it dies.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::exit;
use std::time::Duration;
use std::{env, fs, io, thread};

fn main() {
    device::run_guard_if_asked();
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", script] => run(script),
        _ => exit(2),
    }
}

fn run(script: &str) {
    let lines = fs::read_to_string(script).unwrap_or_else(|_| exit(3));
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "exit" => exit(rest.parse().unwrap_or(1)),
            "exit-in-rehearsal" if env::var_os("REFIT_REHEARSAL").is_some() => exit(1),
            "exit-if" if fs::exists(rest).unwrap_or_default() => exit(1),
            "exit-in-rehearsal" | "exit-if" => {}
            // A file in the working folder.
            "write" => {
                let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                fs::write(name, text).unwrap_or_else(|_| exit(5));
            }
            // A line for each start.
            "count" => {
                let file = fs::File::options().create(true).append(true).open(rest);
                let counted = file.and_then(|mut file| writeln!(file, "1"));
                counted.unwrap_or_else(|_| exit(9));
            }
            "hang" => hang(),
            // Says where it was.
            "note" => fs::write(
                rest,
                env::current_dir()
                    .map_or_else(|error| error.to_string(), |it| it.display().to_string()),
            )
            .unwrap_or_else(|_| exit(6)),
            _ => exit(4),
        }
    }
    serve();
}

fn serve() {
    let port = env::var("REFIT_PORT")
        .ok()
        .and_then(|port| port.parse().ok());
    let port: u16 = port.unwrap_or_else(|| exit(7));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap_or_else(|_| exit(8));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = answer(stream);
        }
    });
    hang();
}

/// For longer than any test, but not for ever: one that fails may leave it behind.
fn hang() -> ! {
    thread::sleep(Duration::from_mins(3));
    exit(0);
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or("/");
    let (status, body) = match (path, fs::read_to_string("busy.json")) {
        ("/busy", Ok(busy)) => ("200 OK", busy),
        ("/die", _) => exit(11),
        ("/busy", Err(_)) => ("404 Not Found", String::new()),
        _ => ("200 OK", env::var("REFIT_VERSION").unwrap_or_default()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
