//! Rows of names, in groups, each with a measurement: as a bar or a span, and as a number.
//!
//! Invariant: where nothing was measured there is a dash and no mark.

use maud::{Markup, html};

use super::axis::Axis;
use super::chart::{WIDTH, figure, unit};

/// Ends of the scale; names are to the left of it, numbers to the right.
const LEFT: f64 = 74.0;
const RIGHT: f64 = 268.0;
/// Height of a lane: text of 12 units, and space.
const LANE: f64 = 15.0;
/// Height of a group's name, and space below a row.
const HEADING: f64 = 24.0;
const GAP: f64 = 5.0;
/// Space for the labels of the scale.
const LABELS: f64 = 26.0;

/// A chart.
pub(crate) struct Rows {
    /// Its id within the page.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Description for people who cannot see it.
    pub(crate) about: String,
    pub(crate) scale: Axis,
    /// Names of the kinds of lanes.
    pub(crate) kinds: &'static [&'static str],
    /// What the stroke across a row stands for, if there is any.
    pub(crate) stroke: Option<&'static str>,
    pub(crate) groups: Vec<Group>,
}

/// Rows that belong together.
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

/// A name with its measurements.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) lanes: Vec<Lane>,
    /// A value to compare with.
    pub(crate) stroke: Option<f64>,
}

/// One measurement.
pub(crate) struct Lane {
    /// Index of its kind.
    pub(crate) kind: usize,
    pub(crate) mark: Option<Mark>,
    /// In figures.
    pub(crate) text: String,
}

/// How it is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    /// From the start of the scale.
    Bar(f64),
    /// From one value to another.
    Span(f64, f64),
}

impl Row {
    fn height(&self) -> f64 {
        (self.lanes.len() as f64).mul_add(LANE, GAP)
    }
}

impl Group {
    fn height(&self) -> f64 {
        HEADING + self.rows.iter().map(Row::height).sum::<f64>()
    }
}

impl Rows {
    /// As a figure.
    pub(crate) fn figure(&self) -> Markup {
        let bottom = self.groups.iter().map(Group::height).sum::<f64>();
        let inside = html! { (self.grid(bottom)) (self.groups()) };
        figure(self.id, self.title, &self.about, &self.legend(), bottom + LABELS, &inside)
    }

    fn at(&self, value: f64) -> f64 {
        unit(self.scale.place(value).mul_add(RIGHT - LEFT, LEFT))
    }

    fn grid(&self, bottom: f64) -> Markup {
        html! {
            g.grid {
                @for (value, label) in &self.scale.ticks {
                    @let x = self.at(*value);
                    line x1=(x) x2=(x) y1=(HEADING) y2=(unit(bottom)) {}
                    text.x x=(x) y=(unit(bottom + 16.0)) { (label) }
                }
            }
        }
    }

    fn groups(&self) -> Markup {
        let (mut y, mut drawn) = (0.0, Vec::new());
        for group in &self.groups {
            drawn.push(html! { text.group x="0" y=(unit(y + HEADING - 8.0)) { (group.name) } });
            y += HEADING;
            for row in &group.rows {
                drawn.push(self.row(row, y));
                y += row.height();
            }
        }
        html! { @for each in &drawn { (each) } }
    }

    fn row(&self, row: &Row, y: f64) -> Markup {
        let height = row.height() - GAP;
        let middle = y + height / 2.0;
        html! {
            text.y x=(LEFT - 6.0) y=(unit(middle + 4.0)) { (row.name) }
            @for (number, lane) in row.lanes.iter().enumerate() {
                (self.lane(lane, (number as f64).mul_add(LANE, y)))
            }
            @if let Some(value) = row.stroke {
                @let x = self.at(value);
                g.stroke { path d={ "M" (x) " " (unit(y)) "V" (unit(y + height)) } {} }
            }
        }
    }

    fn lane(&self, lane: &Lane, y: f64) -> Markup {
        let middle = unit(y + LANE / 2.0);
        html! {
            @match lane.mark {
                Some(Mark::Bar(value)) => {
                    g class={ "bars k" (lane.kind) } {
                        rect x=(LEFT) y=(unit(y + 2.0)) width=(unit((self.at(value) - LEFT).max(0.5))) height=(LANE - 4.0) {}
                    }
                }
                Some(Mark::Span(from, to)) => {
                    @let (from, to) = (self.at(from), self.at(to));
                    g class={ "bars k" (lane.kind) } {
                        path d={ "M" (from) " " (middle) "H" (to) } {}
                        circle cx=(from) cy=(middle) r="3" {}
                        circle cx=(to) cy=(middle) r="3" {}
                    }
                }
                None => {}
            }
            text.y x=(WIDTH - 2.0) y=(unit(y + LANE / 2.0 + 4.0)) { (lane.text) }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for (number, kind) in self.kinds.iter().enumerate() {
                    li {
                        svg.dot viewBox="0 0 12 12" aria-hidden="true" {
                            g class={ "bars k" (number) } { rect x="1" y="1" width="10" height="10" {} }
                        }
                        (kind)
                    }
                }
                @if let Some(stroke) = self.stroke {
                    li {
                        svg.dot viewBox="0 0 12 12" aria-hidden="true" { g.stroke { path d="M6 0V12" {} } }
                        (stroke)
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_has_a_dash_and_no_mark() {
        let lane = |mark, text: &str| Lane { kind: 0, mark, text: text.to_owned() };
        let row = |name: &str, lanes| Row { name: name.to_owned(), lanes, stroke: None };
        let rows = vec![
            row("a", vec![lane(Some(Mark::Bar(1.0)), "1"), lane(Some(Mark::Span(0.5, 2.0)), "0.5 – 2")]),
            row("b", vec![lane(None, "-")]),
        ];
        let chart = Rows {
            id: "c",
            title: "t",
            about: String::new(),
            scale: Axis::amounts(2.0),
            kinds: &["one"],
            stroke: None,
            groups: vec![Group { name: "g".to_owned(), rows }],
        };
        let drawn = chart.figure().into_string();
        // One more in the legend.
        assert_eq!((drawn.matches("<rect").count(), drawn.matches("<circle").count()), (2, 2), "{drawn}");
        assert!(drawn.contains(">-</text>"), "{drawn}");
        let halfway = f64::midpoint(LEFT, RIGHT) - LEFT;
        assert!(drawn.contains(&format!(r#"width="{halfway}""#)), "{drawn}");
    }
}
