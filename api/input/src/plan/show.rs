//! The plan as people read it.

use std::fmt;

use super::super::frame::Step;
use super::super::names::Role;
use super::super::options::Kind;
use super::super::position::{Crs, Order};
use super::super::unpack::Compression;
use super::{Column, Plan};

/// Columns that are told one by one.
const TOLD_COLUMNS: usize = 60;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![self.format.words().to_owned(), self.encoding.clone()];
        if self.compression != Compression::None {
            parts.push(self.compression.to_string());
        }
        if self.bare_returns {
            parts.push("lines end with carriage returns".into());
        }
        if let Some(table) = &self.table {
            parts.push(format!("cells separated by {}", delimiter(table.dialect.delimiter)));
            if table.dialect.backslash {
                parts.push("quotes escaped by `\\`".into());
            }
            if !table.dialect.quotes {
                parts.push("no quotes".into());
            }
            if !table.header {
                parts.push("no header".into());
            }
        }
        if self.rules.decimal_comma {
            parts.push("decimal commas".into());
        }
        if self.skip_lines > 0 {
            let lines = if self.skip_lines == 1 { "line" } else { "lines" };
            parts.push(format!("{} {lines} skipped before the first row", self.skip_lines));
        }
        if !self.path.is_empty() {
            parts.push(format!("records at `{}`", way(&self.path)));
        }
        if self.exported {
            parts.push("as Cellar exports it, with properties as they are".into());
        }
        if self.rules.crs != Crs::Wgs84 {
            parts.push(self.rules.crs.to_string());
        }
        write!(f, "read as {}", parts.join(", "))?;
        self.columns(f)?;
        self.notes.iter().try_for_each(|note| write!(f, "\n{note}"))
    }
}

impl Plan {
    fn columns(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            let told: Vec<String> =
                table.columns.iter().take(TOLD_COLUMNS).map(|column| self.column(column)).collect();
            let more = table.columns.len().saturating_sub(TOLD_COLUMNS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let by = if table.all_rows { "" } else { " (types by the first 1,000 rows)" };
            write!(f, "\ncolumns{by}: {}{more}", told.join(", "))?;
        }
        let roles = self.roles.told();
        if !roles.is_empty() {
            let told: Vec<String> =
                roles.into_iter().map(|(role, path)| format!("{role} `{path}`")).collect();
            write!(f, "\nmembers: {}", told.join(", "))?;
        }
        if self.generate_ids {
            write!(f, "\nplaces without an id get one made of what they hold")?;
        }
        Ok(())
    }

    fn column(&self, column: &Column) -> String {
        let order = if self.rules.order == Order::LatLon { "lat, lon" } else { "lon, lat" };
        let role = match column.role {
            Some(Role::Position) => format!(" → position ({order})"),
            Some(Role::Lat | Role::Lon) if column.e7 => {
                format!(" → {} × 10⁷", column.role.map_or("", Role::words))
            }
            Some(role) if column.name != role.words() => format!(" → {}", role.words()),
            Some(_) => String::new(),
            None => match column.kind {
                Kind::Text => " (text)".into(),
                Kind::Number => " (number)".into(),
                Kind::Boolean => " (boolean)".into(),
            },
        };
        format!("{}{role}", column.name)
    }
}

fn delimiter(byte: u8) -> String {
    match byte {
        b'\t' => "tabs".into(),
        other => format!("`{}`", char::from(other)),
    }
}

/// A path of records as an option says it.
pub(super) fn way(steps: &[Step]) -> String {
    let mut out = String::new();
    for step in steps {
        match step {
            Step::Each => out.push_str("[]"),
            Step::EachMember | Step::Member(_) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(if let Step::Member(name) = step { name } else { "*" });
            }
        }
    }
    out
}
