//! Sites that can be made to fail: a bucket in memory that keeps every state it was in, and a folder.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::{Bucket, Folder, Site, Store};

/// One write, and the bucket right after it.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) name: String,
    pub(crate) attributes: Attributes,
    state: Arc<InMemory>,
}

impl Write {
    /// The site as a device would find it then.
    pub(crate) fn site(&self) -> Site {
        Site::new(Store::Bucket(Bucket::of(self.state.clone())))
    }
}

/// The bucket.
#[derive(Debug)]
pub(crate) struct Recording {
    store: InMemory,
    writes: Mutex<Vec<Write>>,
    /// So many more writes go well.
    left: AtomicUsize,
    /// Files that cannot be read.
    unreadable: Mutex<Option<String>>,
}

impl Recording {
    pub(crate) fn new() -> Arc<Self> {
        Self::of(InMemory::new())
    }

    fn of(store: InMemory) -> Arc<Self> {
        Arc::new(Self {
            store,
            writes: Mutex::default(),
            left: AtomicUsize::new(usize::MAX),
            unreadable: Mutex::default(),
        })
    }

    /// The same content in a bucket of its own, whose writes fail after `left` of them.
    pub(crate) fn fork(&self, left: usize) -> Arc<Self> {
        let fork = Self::of(self.store.fork());
        fork.left.store(left, Ordering::SeqCst);
        fork
    }

    /// No write fails from now on.
    pub(crate) fn mend(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }

    /// Reading files whose names end like this fails from now on.
    pub(crate) fn hide(&self, end: &str) {
        *self.unreadable.lock().unwrap() = Some(end.to_owned());
    }

    pub(crate) fn site(self: &Arc<Self>) -> Site {
        Site::new(Store::Bucket(Bucket::of(self.clone())))
    }

    /// Every write so far.
    pub(crate) fn writes(&self) -> Vec<Write> {
        self.writes.lock().unwrap().clone()
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("recording")
    }
}

#[async_trait]
impl ObjectStore for Recording {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let spend = |left: usize| left.checked_sub(1);
        if self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, spend)
            .is_err()
        {
            return Err(Error::Generic {
                store: "recording",
                source: "the connection broke".into(),
            });
        }
        let attributes = options.attributes.clone();
        let result = self.store.put_opts(location, payload, options).await?;
        self.writes.lock().unwrap().push(Write {
            name: location
                .as_ref()
                .trim_start_matches("some/where/")
                .to_owned(),
            attributes,
            state: Arc::new(self.store.fork()),
        });
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let hidden = self.unreadable.lock().unwrap().clone();
        if hidden.is_some_and(|end| location.as_ref().ends_with(&end)) {
            return Err(Error::Generic {
                store: "recording",
                source: "the connection broke".into(),
            });
        }
        self.store.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// A site of either kind, whose writes fail after some.
pub(crate) trait Fragile: Sized {
    /// The same content in a site of its own, whose writes fail after `left` of them.
    fn fork(&self, left: usize) -> Self;
    /// No write fails from now on.
    fn mend(&self);
    fn site(&self) -> Site;
}

impl Fragile for Arc<Recording> {
    fn fork(&self, left: usize) -> Self {
        Recording::fork(self, left)
    }

    fn mend(&self) {
        Recording::mend(self);
    }

    fn site(&self) -> Site {
        Recording::site(self)
    }
}

/// A folder.
#[derive(Debug)]
pub(crate) struct Disk {
    dir: tempfile::TempDir,
    left: Arc<AtomicUsize>,
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            left: Arc::new(AtomicUsize::new(usize::MAX)),
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.dir.path()
    }
}

impl Fragile for Disk {
    fn fork(&self, left: usize) -> Self {
        let fork = Self::new();
        copy(self.path(), fork.path());
        fork.left.store(left, Ordering::SeqCst);
        fork
    }

    fn mend(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
    }

    fn site(&self) -> Site {
        let folder = Folder::open(self.path()).unwrap();
        Site::new(Store::Folder(folder.failing(self.left.clone())))
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
