//! Real `nats-server`s with JetStream on loopback, for tests: one, or a cluster of three.
//!
//! `nats-server` is the one that `REFIT_NATS_SERVER` names, else the one that `scripts/setup --tests` unpacked, else the
//! system's. Each server has ports, a disk and a
//! process of its own, and goes with the value that holds it. What waits here waits for the server's
//! own word: its port, or its health.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// For how long a server may take to say that it is well.
const PATIENCE: Duration = Duration::from_mins(1);

/// What stands in its configuration beside ports and disk: authorization, accounts.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// NATS configuration, as text.
    pub extra: String,
}

/// One server. Dropping it kills it; its disk goes with it.
#[derive(Debug)]
pub struct Broker {
    dir: tempfile::TempDir,
    child: Option<Child>,
    port: u16,
    monitor: u16,
}

impl Broker {
    /// Starts one and waits until it takes orders.
    ///
    /// # Panics
    /// Where there is no `nats-server`, or it does not come up.
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// One with more configuration.
    ///
    /// # Panics
    /// As [`Broker::start`].
    pub fn with(options: &Options) -> Self {
        let [port, monitor] = free_ports();
        let mut broker = Self::laid(port, monitor, "solo", options, "");
        broker.run();
        broker.wait_until_well();
        broker
    }

    fn laid(port: u16, monitor: u16, name: &str, options: &Options, cluster: &str) -> Self {
        let broker = Self {
            dir: tempfile::tempdir().expect("a folder for the broker"),
            child: None,
            port,
            monitor,
        };
        broker.configure(name, options, cluster);
        broker
    }

    fn configure(&self, name: &str, options: &Options, cluster: &str) {
        let disk = self.dir.path().join("disk");
        let text = format!(
            "server_name: {name}\nlisten: \"127.0.0.1:{}\"\nhttp: \"127.0.0.1:{}\"\n\
             write_deadline: \"10s\"\n\
             jetstream {{ store_dir: \"{}\", max_mem: 1GB, max_file: 8GB }}\n{cluster}\n{}\n",
            self.port,
            self.monitor,
            disk.display(),
            options.extra
        );
        let path = self.dir.path().join("nats.conf");
        std::fs::write(path, text).expect("the broker's configuration");
    }

    fn run(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("the broker's log");
        let child = Command::new(program())
            .arg("-c")
            .arg(self.dir.path().join("nats.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} cannot be started: {error}. Debian has it as the package nats-server.",
                    program().display()
                )
            });
        self.child = Some(child);
    }

    /// `nats://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its process.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a broker that runs").id()
    }

    /// The port of its monitoring pages.
    pub fn monitor(&self) -> u16 {
        self.monitor
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Kills it, as a power cut would. Its disk stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again on the same ports, with the disk as it is.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn restart(&mut self) {
        self.kill();
        self.run();
        self.wait_until_well();
    }

    /// Starts it, a single one, again with other configuration besides ports and disk.
    ///
    /// # Panics
    /// Where it does not come up.
    pub fn restart_with(&mut self, options: &Options) {
        self.kill();
        self.configure("solo", options, "");
        self.restart();
    }

    /// Starts it again on the same ports with nothing on its disk.
    ///
    /// # Panics
    /// Where it does not come up, or the disk cannot be emptied.
    pub fn restart_empty(&mut self) {
        self.kill();
        let disk = self.dir.path().join("disk");
        if disk.exists() {
            std::fs::remove_dir_all(&disk).expect("an empty disk");
        }
        self.restart();
    }

    fn wait_until_well(&mut self) {
        let until = Instant::now() + PATIENCE;
        while !is_well(self.monitor) {
            if let Some(child) = &mut self.child
                && let Ok(Some(status)) = child.try_wait()
            {
                panic!("nats-server ended with {status}:\n{}", self.log());
            }
            assert!(
                Instant::now() < until,
                "nats-server is not well:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Three servers that keep everything three times.
#[derive(Debug)]
pub struct Cluster {
    /// The servers, `n1` to `n3`.
    pub nodes: Vec<Broker>,
}

impl Cluster {
    /// Starts three and waits until they have agreed on a leader.
    ///
    /// # Panics
    /// As [`Broker::start`].
    pub fn start() -> Self {
        Self::with(&Options::default())
    }

    /// Three with more configuration.
    ///
    /// # Panics
    /// As [`Broker::start`].
    pub fn with(options: &Options) -> Self {
        let ports: [u16; 9] = free_ports();
        let routes: Vec<_> = (0..3)
            .map(|n| format!("nats://127.0.0.1:{}", ports[n * 3 + 2]))
            .collect();
        let mut nodes: Vec<_> = (0..3)
            .map(|n| {
                let cluster = format!(
                    "cluster {{ name: refit-tests, listen: \"127.0.0.1:{}\", routes: [{}] }}",
                    ports[n * 3 + 2],
                    routes
                        .iter()
                        .map(|it| format!("\"{it}\""))
                        .collect::<Vec<_>>()
                        .join(", ")
                );
                Broker::laid(
                    ports[n * 3],
                    ports[n * 3 + 1],
                    &format!("n{}", n + 1),
                    options,
                    &cluster,
                )
            })
            .collect();
        for node in &mut nodes {
            node.run();
        }
        for node in &mut nodes {
            node.wait_until_well();
        }
        Self { nodes }
    }

    /// All addresses, with commas between.
    pub fn urls(&self) -> String {
        self.nodes
            .iter()
            .map(Broker::url)
            .collect::<Vec<_>>()
            .join(",")
    }

    /// The node of this name, `n1` to `n3`.
    pub fn named(&mut self, name: &str) -> Option<&mut Broker> {
        let n: usize = name.strip_prefix('n')?.parse().ok()?;
        self.nodes.get_mut(n.checked_sub(1)?)
    }
}

fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("REFIT_NATS_SERVER") {
        return PathBuf::from(named);
    }
    // Where scripts/setup puts one, and where Debian does, where only root's PATH looks.
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/bin/nats-server");
    let debians = PathBuf::from("/usr/sbin/nats-server");
    [ours, debians]
        .into_iter()
        .find(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from("nats-server"))
}

/// Ports that nobody had a moment ago. All are held at once, so that none comes twice.
fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"));
    std::array::from_fn(|n| held[n].local_addr().expect("its port").port())
}

/// Whether the server behind this monitoring port says that it is well, JetStream and all.
fn is_well(monitor: u16) -> bool {
    get(monitor, "/healthz").is_ok_and(|answer| answer.contains("\"ok\""))
}

/// A page of a server's monitoring.
///
/// # Errors
/// Where it does not answer.
pub fn get(monitor: u16, path: &str) -> io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, monitor));
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
