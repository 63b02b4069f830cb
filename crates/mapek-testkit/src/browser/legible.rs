//! Whether a page can be read and used by everybody, as far as a machine can tell.

use serde_json::Value;

use super::Browser;
use crate::{Error, tool::tool};

/// Where `cargo xtask setup` puts axe-core.
const AXE: &str = "axe/axe_playwright_python/axe.min.js";

/// All rules of WCAG 2.2 up to level AA, and what its authors hold good beyond. Names that
/// nothing has are for people to look at in its eyes, and wrong in ours.
const ASK_AXE: &str = r#"
    const values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const resultTypes = ["violations", "incomplete"];
    const found = await axe.run(document, { runOnly: { type: "tag", values }, resultTypes });
    const left = found.incomplete.filter((rule) => rule.id === "aria-valid-attr-value");
    return [...found.violations, ...left].flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${rule.help}: ${node.html.slice(0, 160)}`));
"#;

/// What axe-core does not look at, or leaves to people.
const LAYOUT: &str = include_str!("layout.js");

impl Browser {
    /// What is wrong with the page for somebody who does not see it well, or not at all: what axe-core finds, and
    /// what sticks out of its box or the window; a sentence each.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if axe-core is not installed, [`Error::Http`] if the page does not let itself be looked at.
    pub async fn flaws(&self) -> Result<Vec<String>, Error> {
        if self.run("return window.axe === undefined", &[]).await? == true {
            let path = tool(AXE)?;
            let axe = std::fs::read_to_string(&path).map_err(Error::io("reading axe-core"))?;
            self.run(&axe, &[]).await?;
        }
        let mut flaws = Vec::new();
        for found in [self.run_async(ASK_AXE).await?, self.run(LAYOUT, &[]).await?] {
            match found {
                Value::Array(found) => {
                    flaws.extend(found.iter().filter_map(Value::as_str).map(str::to_owned));
                }
                // What was thrown.
                other => flaws.push(other.to_string()),
            }
        }
        Ok(flaws)
    }
}
