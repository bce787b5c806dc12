//! The client protocol of the public TUF conformance suite over `crates/trust`.
//!
//! `init`, `refresh` and `download` drive the same code as a device. What the suite looks at
//! afterwards is copied from the trust store into the folder it names: the newest root and the newest
//! of each role, under their plain names. The time is the system's, so that the suite can move it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use clap::{Parser, Subcommand};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use trust::{Fetch, FetchError, Limits, Repository, Trust};
use url::Url;

/// Where the suite's root and the trust store lie, below the folder for metadata.
const ROOT: &str = "client/trusted-root";
const STORE: &str = "client/trust";

/// The suite's targets are small.
const TARGET_BYTES: u64 = 1 << 20;

#[derive(Debug, Parser)]
struct Args {
    /// Where the client keeps its metadata, and shows it to the suite.
    #[arg(long)]
    metadata_dir: PathBuf,
    /// The folder of the metadata on the host.
    #[arg(long)]
    metadata_url: Option<Url>,
    /// What to download; may be given more than once.
    #[arg(long)]
    target_name: Vec<String>,
    /// Where downloads go.
    #[arg(long)]
    target_dir: Option<PathBuf>,
    /// The folder of the targets on the host.
    #[arg(long)]
    target_base_url: Option<Url>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Trust this root.
    Init {
        /// A root.json.
        trusted_root: PathBuf,
    },
    /// Bring the metadata up to date.
    Refresh,
    /// Bring the metadata up to date, then fetch the targets.
    Download,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let args = Args::parse();
    if let Command::Init { trusted_root } = &args.command {
        return init(&args.metadata_dir, trusted_root);
    }
    let outcome = run(&args).await;
    // The suite looks at what is trusted after a failure too.
    show(&args.metadata_dir)?;
    outcome
}

fn init(dir: &Path, root: &Path) -> Result<()> {
    let into = dir.join(ROOT);
    fs::create_dir_all(into.parent().context("no folder for the root")?)?;
    fs::copy(root, &into).with_context(|| format!("cannot copy {}", root.display()))?;
    fs::copy(root, dir.join("root.json"))?;
    Ok(())
}

async fn run(args: &Args) -> Result<()> {
    let metadata = args.metadata_url.clone().context("no --metadata-url")?;
    let targets = args.target_base_url.clone().unwrap_or(metadata.clone());
    let root = fs::read(args.metadata_dir.join(ROOT)).context("init was not run")?;
    let store = args.metadata_dir.join(STORE);
    let trust = Trust::new(root, store, metadata, targets, Limits::default());
    let http = reqwest::Client::builder().no_proxy().build()?;
    let repository = trust
        .refresh(Arc::new(Http(http)), Timestamp::now())
        .await?;
    if let Command::Download = args.command {
        let dir = args.target_dir.as_deref().context("no --target-dir")?;
        for name in &args.target_name {
            download(&repository, name, dir).await?;
        }
    }
    Ok(())
}

async fn download(repository: &Repository, name: &str, dir: &Path) -> Result<()> {
    let Some(bytes) = repository.read(name, TARGET_BYTES).await? else {
        bail!("the repository does not name {name}");
    };
    let path = dir.join(name.replace(['/', '\\'], "%2F"));
    // The suite tells the order of downloads by the files' times.
    if fs::read(&path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// Copies what the trust store holds to where the suite looks for it.
fn show(dir: &Path) -> Result<()> {
    let store = dir.join(STORE);
    let Some(generation) = numbered(&store, "")?.pop() else {
        return Ok(());
    };
    for name in names(dir)? {
        if Path::new(&name)
            .extension()
            .is_some_and(|ext| ext == "json")
        {
            fs::remove_file(dir.join(name))?;
        }
    }
    let generation = store.join(generation.1);
    let roots = generation.join("roots");
    let (_, newest) = numbered(&roots, ".root.json")?.pop().context("no root")?;
    fs::copy(roots.join(newest), dir.join("root.json"))?;
    for role in ["timestamp.json", "snapshot.json", "targets.json"] {
        if generation.join(role).exists() {
            fs::copy(generation.join(role), dir.join(role))?;
        }
    }
    let delegated = generation.join("delegated");
    for name in names(&delegated)? {
        fs::copy(delegated.join(&name), dir.join(&name))?;
    }
    Ok(())
}

/// The names that are a number and `suffix`, by number.
fn numbered(dir: &Path, suffix: &str) -> Result<Vec<(u64, String)>> {
    let mut found: Vec<_> = names(dir)?
        .into_iter()
        .filter_map(|name| Some((name.strip_suffix(suffix)?.parse().ok()?, name)))
        .collect();
    found.sort();
    Ok(found)
}

/// The names in a folder; none where it does not exist.
fn names(dir: &Path) -> Result<Vec<String>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    fs::read_dir(dir)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

#[derive(Debug)]
struct Http(reqwest::Client);

type Stream = BoxStream<'static, Result<Bytes, FetchError>>;

impl Fetch for Http {
    fn fetch(&self, url: Url) -> BoxFuture<'static, Result<Stream, FetchError>> {
        let other = |error: reqwest::Error| FetchError::Other(error.to_string());
        let request = self.0.get(url);
        Box::pin(async move {
            let answer = request.send().await.map_err(other)?;
            if answer.status() == reqwest::StatusCode::NOT_FOUND {
                return Err(FetchError::NotFound);
            }
            let answer = answer.error_for_status().map_err(other)?;
            let stream = answer.bytes_stream();
            Ok(stream.map(move |part| part.map_err(other)).boxed())
        })
    }
}
