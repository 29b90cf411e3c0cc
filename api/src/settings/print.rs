//! The settings that are in effect, and where each comes from: a file that says the same, with defaults and secrets as comments.

use cellar_config::{Kind, Variable};

use super::file::key;

/// The source of what nobody has set.
pub(super) const DEFAULT: &str = "default";

/// Stands for what nobody may see.
const MASK: &str = "***";

/// A setting in effect.
pub(super) struct Effective {
    pub(super) variable: Variable,
    /// `None` if it is not set and has no default.
    pub(super) value: Option<String>,
    /// Flag, variable, place in a file, or `default`.
    pub(super) source: String,
}

impl Effective {
    /// The setting as a line of a file; a comment if it is not set, or cannot be told.
    fn line(&self) -> String {
        let setting = self.setting();
        let is_set = self.value.is_some() && self.source != DEFAULT && !setting.contains(MASK);
        if is_set { setting } else { format!("# {setting}") }
    }

    fn setting(&self) -> String {
        let name = key(&self.variable.name);
        let Some(value) = &self.value else { return format!("{name} =") };
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self.variable.kind {
            Kind::Number | Kind::Flag => format!("{name} = {value}"),
            Kind::Text => {
                let told = without_password(value).unwrap_or_else(|| value.clone());
                format!("{name} = {}", quoted(&told))
            }
            Kind::Secret => {
                let told = without_password(value).unwrap_or_else(|| MASK.to_owned());
                format!("{name} = {}", quoted(&told))
            }
        }
    }
}

/// A URL without who asks; `None` if it is no URL.
fn without_password(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let host = rest.rsplit_once('@').map(|(_, host)| host);
    Some(host.map_or_else(|| text.to_owned(), |host| format!("{scheme}://{MASK}@{host}")))
}

/// All of them, by name.
pub(super) fn text(mut settings: Vec<Effective>) -> String {
    settings.sort_by_key(|setting| key(&setting.variable.name));
    let lines: Vec<String> = settings.iter().map(Effective::line).collect();
    let width = lines.iter().map(|line| line.chars().count()).filter(|width| *width < 60).max().unwrap_or(0);
    let lines =
        settings.iter().zip(lines).map(|(setting, line)| format!("{line:width$}  # {}", setting.source));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind, value: &str) -> String {
        let variable = Variable::new("CELLAR_A").kind(kind);
        Effective { variable, value: Some(value.into()), source: "c.toml:1".into() }.line()
    }

    #[test]
    fn what_is_printed_is_a_file_again() {
        assert_eq!(line(Kind::Number, "5"), "a = 5");
        assert_eq!(line(Kind::Flag, "true"), "a = true");
        assert_eq!(line(Kind::Text, "a \"b\"\\"), r#"a = "a \"b\"\\""#);
        assert_eq!(line(Kind::Secret, "redis://host:6379"), r#"a = "redis://host:6379""#);
    }

    #[test]
    fn what_nobody_has_set_is_a_comment() {
        let of = |value: Option<&str>, source: &str| {
            let variable = Variable::new("CELLAR_A").kind(Kind::Number);
            Effective { variable, value: value.map(str::to_owned), source: source.into() }.line()
        };
        assert_eq!(of(Some("5"), DEFAULT), "# a = 5");
        assert_eq!(of(None, "not set"), "# a =");
    }

    #[test]
    fn secrets_are_masked() {
        assert_eq!(line(Kind::Text, "http://u:pw@host:1/a"), r#"# a = "http://***@host:1/a""#);
        assert_eq!(line(Kind::Secret, "hunter2"), r#"# a = "***""#);
        assert_eq!(line(Kind::Secret, "rediss://user:hunter2@host"), r#"# a = "rediss://***@host""#);
        assert_eq!(line(Kind::Secret, "redis://:a@hunter2@host"), r#"# a = "redis://***@host""#);
    }
}
