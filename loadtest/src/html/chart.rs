//! A chart with axes, and lines or bars.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::axis::Axis;

/// Width of a chart, in its own units: about the pixels of a phone, so that its text is legible there.
pub(crate) const WIDTH: f64 = 360.0;
/// Height of a chart.
pub(crate) const HEIGHT: f64 = 230.0;
/// Ends of the axes: left, right, top, bottom.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 346.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 204.0;
/// Number of line styles in the stylesheet.
pub(crate) const STYLES: usize = 8;

/// A chart without its data.
pub(crate) struct Chart {
    /// Its id within the page.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// Description for people who cannot see it.
    pub(crate) about: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
}

/// A line; it has gaps where nothing was measured.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// A bar: from, to, and how high.
pub(crate) type Bar = (f64, f64, f64);

impl Chart {
    /// The chart with these lines.
    pub(crate) fn lines(&self, lines: &[Line]) -> Markup {
        let marks = html! {
            @for (number, line) in lines.iter().enumerate() {
                g class={ "line s" (number % STYLES) } { (self.line(line)) }
            }
        };
        let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        self.figure(&names, &marks)
    }

    /// The chart with these bars.
    pub(crate) fn bars(&self, bars: &[Bar]) -> Markup {
        let bar = |&(from, to, high): &Bar| {
            let (x, y) = self.at(from, high);
            let width = (self.at(to, 0.0).0 - x).max(1.0);
            html! { rect x=(unit(x)) y=(unit(y)) width=(unit(width)) height=(unit(BOTTOM - y)) {} }
        };
        let marks = html! { g.bars { @for each in bars.iter().filter(|bar| bar.2 > 0.0) { (bar(each)) } } };
        self.figure(&[], &marks)
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x).mul_add(RIGHT - LEFT, LEFT), self.y.place(y).mul_add(TOP - BOTTOM, BOTTOM))
    }

    /// The segments between gaps; a segment of one point is a dot.
    fn line(&self, line: &Line) -> Markup {
        let at = |&(x, y): &(f64, Option<f64>)| y.map(|y| self.at(x, y));
        let places: Vec<Option<(f64, f64)>> = line.points.iter().map(at).collect();
        let pieces =
            places.split(Option::is_none).map(|piece| piece.iter().flatten().copied().collect::<Vec<_>>());
        html! {
            @for piece in pieces {
                @if let [(x, y)] = piece[..] {
                    circle cx=(unit(x)) cy=(unit(y)) r="3" {}
                } @else if !piece.is_empty() {
                    path d=(path(&piece)) {}
                }
            }
        }
    }

    fn figure(&self, names: &[&str], marks: &Markup) -> Markup {
        let inside = html! { (self.grid()) (marks) };
        figure(self.id, self.title, &self.about, &legend(names), HEIGHT, &inside)
    }

    fn grid(&self) -> Markup {
        let x = self.x.ticks.iter().map(|(value, label)| (self.at(*value, 0.0).0, label));
        let y = self.y.ticks.iter().map(|(value, label)| (self.at(0.0, *value).1, label));
        html! {
            g.grid {
                @for (y, label) in y {
                    line x1=(LEFT) x2=(RIGHT) y1=(unit(y)) y2=(unit(y)) {}
                    text.y x=(LEFT - 5.0) y=(unit(y + 4.0)) { (label) }
                }
                @for (x, label) in x {
                    line x1=(unit(x)) x2=(unit(x)) y1=(BOTTOM) y2=(BOTTOM + 4.0) {}
                    text.x x=(unit(x)) y=(BOTTOM + 18.0) { (label) }
                }
            }
        }
    }
}

/// A figure around what is drawn, which is [`WIDTH`] wide and this high.
pub(crate) fn figure(
    id: &str,
    title: &str,
    about: &str,
    legend: &Markup,
    height: f64,
    inside: &Markup,
) -> Markup {
    let (title_id, about_id) = (format!("{id}-title"), format!("{id}-about"));
    html! {
        figure id=(id) {
            figcaption { (title) }
            (legend)
            svg.chart role="img" viewBox={ "0 0 " (WIDTH) " " (unit(height)) } aria-labelledby=(title_id) aria-describedby=(about_id) {
                title id=(title_id) { (title) }
                desc id=(about_id) { (about) }
                (inside)
            }
        }
    }
}

/// A figure without data, and why.
pub(crate) fn missing(id: &str, title: &str, why: &str) -> Markup {
    html! { figure id=(id) { figcaption { (title) } p.missing { (why) } } }
}

fn legend(names: &[&str]) -> Markup {
    html! {
        @if !names.is_empty() {
            ul.legend {
                @for (number, name) in names.iter().enumerate() {
                    li {
                        svg.key viewBox="0 0 24 10" aria-hidden="true" {
                            g class={ "line s" (number % STYLES) } { path d="M1 5H23" {} }
                        }
                        (name)
                    }
                }
            }
        }
    }
}

fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (number, (x, y)) in points.iter().enumerate() {
        let step = if number == 0 { 'M' } else { 'L' };
        // Writing to a string cannot fail.
        let _ = write!(path, "{step}{} {}", unit(*x), unit(*y));
    }
    path
}

/// A tenth of a unit is as precise as a screen.
pub(crate) fn unit(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
