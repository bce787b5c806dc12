//! A headless Chromium with a driver of its own: for pages that people open in their browser.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};

use crate::driver::text_of;
use crate::{parts, processes, wait};

/// One browser with one page. It goes with the value that holds it.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens an address in a window whose page is of this size.
    pub async fn open(address: &str, width: u32, height: u32) -> Result<Self> {
        let driver = parts::on_path("chromedriver")
            .context("chromedriver is missing; run ./scripts/setup --tests first")?;
        let profile = tempfile::tempdir()?;
        let port = wait::free_port()?;
        let driver = Command::new(driver)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start chromedriver")?;
        wait::port(port).await?;
        let mut args = vec![
            "--headless=new".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            "--no-first-run".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        // Chromium's sandbox is not for root, as whom containers run their tests.
        args.extend(
            rustix::process::geteuid()
                .is_root()
                .then(|| "--no-sandbox".to_owned()),
        );
        let options = json!({ "args": args });
        let capabilities = Map::from_iter([("goog:chromeOptions".to_owned(), options)]);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .context("Chromium did not open in a session")?;
        let browser = Self {
            client,
            driver,
            _profile: profile,
        };
        browser.resize(width, height).await?;
        browser.client.goto(address).await?;
        Ok(browser)
    }

    /// Makes the page, without what is around it, this large.
    async fn resize(&self, width: u32, height: u32) -> Result<()> {
        self.client.set_window_rect(0, 0, width, height).await?;
        let around = |it: &Value| it.as_u64().and_then(|it| u32::try_from(it).ok());
        let size = self
            .script("return [outerWidth - innerWidth, outerHeight - innerHeight];")
            .await?;
        let (wide, high) = (around(&size[0]), around(&size[1]));
        let (width, height) = (width + wide.unwrap_or(0), height + high.unwrap_or(0));
        Ok(self.client.set_window_rect(0, 0, width, height).await?)
    }

    /// Runs a script in the page: the body of a function.
    pub async fn script(&self, body: &str) -> Result<Value> {
        let found = self.client.execute(body, vec![]).await;
        found.with_context(|| format!("script {body}"))
    }

    /// An element's text, its white space as one blank each.
    pub async fn text(&self, css: &str) -> Result<String> {
        let body = "return document.querySelector(arguments[0])?.textContent ?? null;";
        let found = self.client.execute(body, vec![css.into()]).await?;
        ensure!(!found.is_null(), "there is no {css}");
        let text = text_of(&found);
        Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// Waits until an element shows this text, and gives all of its text.
    pub async fn shows(&self, css: &str, text: &str) -> Result<String> {
        wait::until(&format!("{css} to show {text:?}"), async || {
            let seen = self.text(css).await?;
            ensure!(seen.contains(text), "it shows {seen:?}");
            Ok(seen)
        })
        .await
    }

    /// Clicks an element, once it is there.
    pub async fn click(&self, css: &str) -> Result<()> {
        wait::until(&format!("{css} to click"), async || {
            Ok(self.client.find(Locator::Css(css)).await?.click().await?)
        })
        .await
    }

    /// Types into whatever has the focus.
    pub async fn press(&self, keys: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// Presses one key.
    pub async fn press_key(&self, key: Key) -> Result<()> {
        self.press(&char::from(key).to_string()).await
    }

    /// What is seen, as a PNG.
    pub async fn picture(&self) -> Result<Vec<u8>> {
        Ok(self.client.screenshot().await?)
    }

    /// Ends it in an orderly way.
    pub async fn close(self) -> Result<()> {
        Ok(self.client.clone().close().await?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let pid = self.driver.id().and_then(|pid| i32::try_from(pid).ok());
        for process in pid.map(processes::below).unwrap_or_default() {
            let _ = processes::kill(process.pid);
        }
    }
}
