//! Lists that come page by page.

use reqwest::Url;
use serde_json::Value;

use super::{Api, Refusal};

/// Items of a page: an answer of them is some hundred kilobytes.
const PAGE: u32 = 100;

/// The items of a list that were asked for.
#[derive(Debug)]
pub(in crate::command) struct Items {
    /// As the API tells them.
    pub(in crate::command) items: Vec<Value>,
    /// How many there are of what was asked for, when the last page was read.
    pub(in crate::command) total: u64,
}

impl Items {
    /// How many there are that were not read.
    pub(in crate::command) fn more(&self) -> u64 {
        self.total.saturating_sub(self.items.len() as u64)
    }
}

impl Api {
    /// The first `limit` items of the list at `path` for which `query` holds, page after page.
    pub(in crate::command) async fn list(
        &self,
        path: &str,
        query: &[(&str, String)],
        limit: u32,
    ) -> miette::Result<Items> {
        let mut after = None;
        let mut read = Items { items: Vec::new(), total: 0 };
        loop {
            let had = u32::try_from(read.items.len()).unwrap_or(u32::MAX);
            let page =
                self.get(&asked(path, query, PAGE.min(limit - had), after.as_deref())).await?;
            let strange = || Refusal::strange().at(&self.base);
            let items = page["items"].as_array().ok_or_else(strange)?;
            read.items.extend(items.iter().take((limit - had) as usize).cloned());
            read.total = page["total"].as_u64().unwrap_or(read.items.len() as u64);
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() || items.is_empty() || read.items.len() >= limit as usize {
                return Ok(read);
            }
        }
    }
}

fn asked(path: &str, query: &[(&str, String)], limit: u32, after: Option<&str>) -> String {
    // Only for its encoding.
    let Ok(mut url) = Url::parse("http://x/") else { return path.to_owned() };
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("limit", &limit.to_string());
        pairs.extend_pairs(query);
        pairs.extend_pairs(after.map(|after| ("after", after)));
    }
    format!("{path}?{}", url.query().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_cannot_add_to_the_question() {
        let query = [("component", "a&limit=9#é".to_owned())];
        let text = asked("/x", &query, 5, Some("1"));
        assert_eq!(text, "/x?limit=5&component=a%26limit%3D9%23%C3%A9&after=1");
    }
}
