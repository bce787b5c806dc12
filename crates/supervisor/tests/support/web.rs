//! A server as runtimes are: connections that are used again, streams, uploads and sockets.
//!
//! `/` answers with the launch id, `/slow/N` after N ms, `/upload` with the length of what it got,
//! `/events/N` with N events 20 ms apart, `/socket` upgrades and echoes, `/exit/N` ends the process.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;
use std::{env, process, thread};

pub(crate) fn serve(listener: TcpListener) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let _ = answer_all(stream);
            });
        }
    });
}

struct Asked {
    path: String,
    length: Option<usize>,
    chunked: bool,
    upgrade: bool,
}

fn answer_all(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::new(stream.try_clone()?);
    let mut output = stream;
    while let Some(asked) = head(&mut input)? {
        if asked.upgrade {
            return echo(input, output);
        }
        let length = body(&mut input, &asked)?;
        let id = env::var("REFIT_LAUNCH_ID").unwrap_or_default();
        let words: Vec<&str> = asked.path.split('/').collect();
        let number = words.get(2).and_then(|n| n.parse().ok()).unwrap_or(0);
        match words.get(1).copied() {
            Some("exit") => process::exit(i32::try_from(number).unwrap_or(1)),
            Some("slow") => thread::sleep(Duration::from_millis(number)),
            Some("events") => {
                events(&mut output, number)?;
                continue;
            }
            _ => {}
        }
        let said = if asked.path == "/upload" {
            length.to_string()
        } else {
            id
        };
        write!(
            output,
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{said}",
            said.len()
        )?;
    }
    Ok(())
}

fn head(input: &mut impl BufRead) -> io::Result<Option<Asked>> {
    let mut asked = Asked {
        path: String::new(),
        length: None,
        chunked: false,
        upgrade: false,
    };
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Ok(Some(asked));
        }
        if asked.path.is_empty() {
            line.split(' ')
                .nth(1)
                .unwrap_or("/")
                .clone_into(&mut asked.path);
        } else if let Some(length) = line.strip_prefix("content-length: ") {
            asked.length = length.parse().ok();
        } else if line == "transfer-encoding: chunked" {
            asked.chunked = true;
        } else if line.starts_with("upgrade: ") {
            asked.upgrade = true;
        }
    }
}

fn body(input: &mut impl BufRead, asked: &Asked) -> io::Result<usize> {
    if !asked.chunked {
        let length = asked.length.unwrap_or(0);
        io::copy(&mut input.take(length as u64), &mut io::sink())?;
        return Ok(length);
    }
    let mut total = 0;
    loop {
        let mut line = String::new();
        input.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
        // With the line's end after it.
        io::copy(&mut input.take(size as u64 + 2), &mut io::sink())?;
        if size == 0 {
            return Ok(total);
        }
        total += size;
    }
}

fn events(output: &mut TcpStream, count: u64) -> io::Result<()> {
    output.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    for event in 0..count {
        let data = format!("data: {event}\n\n");
        write!(output, "{:x}\r\n{data}\r\n", data.len())?;
        thread::sleep(Duration::from_millis(20));
    }
    output.write_all(b"0\r\n\r\n")
}

fn echo(mut input: BufReader<TcpStream>, mut output: TcpStream) -> io::Result<()> {
    output.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
    )?;
    io::copy(&mut input, &mut output)?;
    Ok(())
}
