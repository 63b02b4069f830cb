//! An embedded metric source: scrapes targets into an in-process store and answers PromQL.
