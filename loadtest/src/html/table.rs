//! Tables.

use maud::{Markup, html};

/// A table that scrolls horizontally where it is too wide. The first column names the row.
pub(crate) fn table(caption: &str, headings: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        div.wide role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (column, value) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (value) } } @else { td { (value) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
