//! The shell's real window, driven.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use fantoccini::elements::Element;
use fantoccini::wd::WindowHandle;
use fantoccini::{Client, Locator};
use serde_json::Value;

use crate::driver::text_of;
use crate::{Driver, Scene, wait};

/// The element that the banner's shadow root hangs on.
const BANNER: &str = "refit-banner";

/// A session with the shell in it.
#[derive(Debug)]
pub struct Window {
    client: Client,
    driver: Driver,
    program: std::path::PathBuf,
    main: WindowHandle,
}

impl Window {
    /// Opens the scene's shell.
    pub async fn open(scene: &Scene) -> Result<Self> {
        Self::with(scene, scene.program(), &scene.options()?).await
    }

    /// Opens an installed shell in the scene's environment: it takes no options.
    pub async fn open_installed(scene: &Scene, program: &Path) -> Result<Self> {
        Self::with(scene, program, &[]).await
    }

    async fn with(scene: &Scene, program: &Path, args: &[OsString]) -> Result<Self> {
        let driver = Driver::start(&scene.env, &scene.log()).await?;
        let client = driver.session(program, args).await?;
        let main = client.window().await?;
        Ok(Self {
            client,
            driver,
            program: program.to_owned(),
            main,
        })
    }

    /// The `WebDriver` client, for what has no better name here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The shell's process id.
    pub fn shell(&self) -> Result<i32> {
        self.driver.app(&self.program)
    }

    /// Runs a script in the page: the body of a function.
    pub async fn script(&self, body: &str) -> Result<Value> {
        self.client
            .execute(body, vec![])
            .await
            .with_context(|| format!("script {body}"))
    }

    /// Runs a script that calls `done(value)` at its end.
    pub async fn script_async(&self, body: &str) -> Result<Value> {
        let body = format!("const done = arguments[arguments.length - 1];\n{body}");
        self.client
            .execute_async(&body, vec![])
            .await
            .context("an asynchronous script")
    }

    /// Waits until an element of the page shows this text.
    pub async fn shows(&self, css: &str, text: &str) -> Result<()> {
        wait::until(&format!("{css} to show {text:?}"), async || {
            let seen = self.text(css).await?;
            ensure!(seen.contains(text), "it shows {seen:?}");
            Ok(())
        })
        .await
    }

    /// An element's text.
    pub async fn text(&self, css: &str) -> Result<String> {
        let body = "const found = document.querySelector(arguments[0]); \
                    return found && (found.value || found.textContent);";
        let found = self.client.execute(body, vec![css.into()]).await?;
        ensure!(
            !found.is_null(),
            "no {css} at {}",
            self.client.current_url().await?
        );
        Ok(text_of(&found))
    }

    /// Clicks an element of the page.
    pub async fn click(&self, css: &str) -> Result<()> {
        self.client.find(Locator::Css(css)).await?.click().await?;
        Ok(())
    }

    /// What the banner says, buttons and all; none while it is not there.
    pub async fn banner(&self) -> Result<Option<String>> {
        let Ok(host) = self.banner_host().await else {
            return Ok(None);
        };
        let card = host
            .shadow_root()
            .await?
            .find(Locator::Css("section"))
            .await?;
        let said = card
            .text()
            .await?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        Ok((!said.is_empty()).then_some(said))
    }

    /// Waits until the banner says this.
    pub async fn banner_says(&self, text: &str) -> Result<String> {
        wait::until(&format!("the banner to say {text:?}"), async || {
            let said = self.banner().await?.context("there is no banner")?;
            ensure!(said.contains(text), "it says {said:?}");
            Ok(said)
        })
        .await
    }

    /// Waits until the banner does not say this any more.
    pub async fn banner_without(&self, text: &str) -> Result<()> {
        wait::until(&format!("the banner not to say {text:?}"), async || {
            let said = self.banner().await?.unwrap_or_default();
            ensure!(!said.contains(text), "it says {said:?}");
            Ok(())
        })
        .await
    }

    /// Presses a button of the banner, once it is there.
    pub async fn press(&self, button: &str) -> Result<()> {
        wait::until(&format!("the banner's button {button:?}"), async || {
            let root = self.banner_host().await?.shadow_root().await?;
            for found in root.find_all(Locator::Css("button, a")).await? {
                if found.text().await?.trim() == button {
                    return Ok(found.click().await?);
                }
            }
            bail!("the banner has no such button")
        })
        .await
    }

    async fn banner_host(&self) -> Result<Element> {
        Ok(self.client.find(Locator::Css(BANNER)).await?)
    }

    /// Presses a button of the page by its name.
    pub async fn press_in_page(&self, name: &str) -> Result<()> {
        wait::until(&format!("the page's button {name:?}"), async || {
            for found in self.client.find_all(Locator::Css("button")).await? {
                if found.text().await?.trim() == name && found.is_enabled().await? {
                    return Ok(found.click().await?);
                }
            }
            bail!("there is no such button that is enabled")
        })
        .await
    }

    /// Opens the runtime page, by asking the running app as its menu would, and goes there.
    pub async fn open_runtime_page(&self, scene: &Scene) -> Result<()> {
        let asked = scene.shell_with(&["--runtime-page"])?.wait().await?;
        ensure!(asked.success(), "the second instance ended with {asked}");
        self.other().await
    }

    /// The same with the Apps page.
    pub async fn open_apps_page(&self, scene: &Scene) -> Result<()> {
        let asked = scene.shell_with(&["--apps-page"])?.wait().await?;
        ensure!(asked.success(), "the second instance ended with {asked}");
        self.other().await
    }

    /// Back to the main window.
    pub async fn main(&self) -> Result<()> {
        Ok(self.client.switch_to_window(self.main.clone()).await?)
    }

    /// To the window that is not the main one, once there is one.
    pub async fn other(&self) -> Result<()> {
        wait::until("a second window", async || {
            let windows = self.client.windows().await?;
            let other = windows.into_iter().find(|window| *window != self.main);
            Ok(self
                .client
                .switch_to_window(other.context("there is only the main window")?)
                .await?)
        })
        .await
    }

    /// Waits until what the page holds now has been painted: a frame that was under way may be older.
    async fn painted(&self) -> Result<()> {
        let script = "const done = arguments[arguments.length - 1];
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));";
        self.client.execute_async(script, vec![]).await?;
        Ok(())
    }

    /// Saves a picture of the window.
    pub async fn picture(&self, file: &Path) -> Result<()> {
        if let Some(dir) = file.parent() {
            tokio::fs::create_dir_all(dir).await?;
        }
        self.painted().await?;
        let png = self.client.screenshot().await?;
        ensure!(
            png.len() > 1000,
            "the picture for {} is empty",
            file.display()
        );
        Ok(tokio::fs::write(file, png).await?)
    }

    /// Ends the session, and with it the shell.
    pub async fn close(self) -> Result<()> {
        let _ = self.client.close().await;
        Ok(())
    }
}
