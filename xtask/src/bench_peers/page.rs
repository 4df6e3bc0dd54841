//! A page of several tables, each between two comment lines that name it, so that a new run replaces its own table alone.

use anyhow::{Result, bail};

/// `text` with `body` as the section `name`: in place of the one that is there, else at the end.
pub(crate) fn with_section(text: &str, name: &str, body: &str) -> Result<String> {
    let (open, close) = (format!("<!-- table: {name} -->\n"), format!("<!-- end of table: {name} -->\n"));
    let section = format!("{open}{}\n{close}", body.trim_end_matches('\n').to_owned() + "\n");
    match (text.find(&open), text.find(&close)) {
        (None, None) => Ok(format!("{}\n\n{section}", text.trim_end_matches('\n'))),
        (Some(start), Some(end)) if start < end => {
            Ok(format!("{}{section}{}", &text[..start], &text[end + close.len()..]))
        }
        _ => bail!("the table {name} has only one of its two comment lines, or they are the wrong way round"),
    }
}

#[cfg(test)]
mod tests;
