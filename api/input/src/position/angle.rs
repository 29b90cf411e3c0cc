//! One coordinate: decimal degrees, or degrees, minutes and seconds.

use super::Axis;

/// Degrees; `None` for what is no angle, or one of the other axis.
///
/// A decimal comma is read as one only where the caller knows of it.
pub(crate) fn degrees(text: &str, axis: Axis, decimal_comma: bool) -> Option<f64> {
    let text = text.trim();
    let pointed = (decimal_comma && text.matches(',').count() == 1 && !text.contains('.'))
        .then(|| text.replacen(',', ".", 1));
    let text = pointed.as_deref().unwrap_or(text);
    if let Ok(number) = text.parse::<f64>() {
        return Some(number).filter(|number| number.is_finite());
    }
    sexagesimal(text, axis)
}

/// `48°51'24"N`, `N 48 51.4`, `2°21′07″E`, `48.85N`, `-48:51:24`.
fn sexagesimal(text: &str, axis: Axis) -> Option<f64> {
    let (text, sign) = hemisphere(text, axis)?;
    let marked = sign.is_some() || text.contains(['°', 'º', '\'', '′', '’', '"', '″', '”', ':']);
    if !marked {
        return None;
    }
    let (text, negative) = match text.strip_prefix(['-', '−']) {
        Some(rest) if sign.is_none() => (rest, true),
        Some(_) => return None,
        None => (text.strip_prefix('+').unwrap_or(text), sign == Some(-1.0)),
    };
    let separators = |c: char| {
        matches!(c, '°' | 'º' | '˚' | 'd' | ':' | '\'' | '′' | '’' | '"' | '″' | '”' | 'm' | 's')
            || c.is_whitespace()
    };
    let parts: Vec<&str> = text.split(separators).filter(|part| !part.is_empty()).collect();
    if !(1..=3).contains(&parts.len()) || !in_order(text) {
        return None;
    }
    let mut degrees = 0.0;
    for (i, part) in parts.iter().enumerate() {
        let last = i + 1 == parts.len();
        let plain = part.bytes().all(|b| b.is_ascii_digit() || last && b == b'.');
        let value: f64 = part.parse().ok().filter(|_| plain)?;
        if i > 0 && value >= 60.0 {
            return None;
        }
        degrees += value / [1.0, 60.0, 3600.0][i];
    }
    Some(if negative { -degrees } else { degrees })
}

/// Whether degrees come before minutes, and minutes before seconds.
fn in_order(text: &str) -> bool {
    let text = text.replace("''", "\"");
    let ranks = text.chars().filter_map(|c| match c {
        '°' | 'º' | '˚' | 'd' => Some(0),
        '\'' | '′' | '’' | 'm' => Some(1),
        '"' | '″' | '”' | 's' => Some(2),
        _ => None,
    });
    let ranks: Vec<u8> = ranks.collect();
    ranks.windows(2).all(|pair| pair[0] < pair[1])
}

/// The text without the letter of its hemisphere, and the sign that the letter means; `None` if it is of the other axis.
fn hemisphere(text: &str, axis: Axis) -> Option<(&str, Option<f64>)> {
    let letter = |c: char| match (c.to_ascii_uppercase(), axis) {
        ('N', Axis::Lat) | ('E', Axis::Lon) => Some(Some(1.0)),
        ('S', Axis::Lat) | ('W', Axis::Lon) => Some(Some(-1.0)),
        ('N' | 'S', Axis::Lon) | ('E' | 'W', Axis::Lat) => Some(None),
        _ => None,
    };
    for (found, rest) in [
        (text.chars().next(), text.get(1..).unwrap_or_default()),
        (text.chars().next_back(), text.get(..text.len().saturating_sub(1)).unwrap_or_default()),
    ] {
        if let Some(sign) = found.and_then(letter) {
            // `48 S` could be seconds, but seconds have minutes before them.
            return sign.map(|sign| (rest.trim(), Some(sign)));
        }
    }
    Some((text, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_read_in_every_usual_form() {
        for (text, axis, expected) in [
            ("48.85", Axis::Lat, 48.85),
            (" -0 ", Axis::Lat, 0.0),
            ("48°51'N", Axis::Lat, 48.85),
            ("48°51'24\"N", Axis::Lat, 48.0 + 51.0 / 60.0 + 24.0 / 3600.0),
            ("2°21′07″E", Axis::Lon, 2.0 + 21.0 / 60.0 + 7.0 / 3600.0),
            ("48°51'24''S", Axis::Lat, -(48.0 + 51.0 / 60.0 + 24.0 / 3600.0)),
            ("2°21'W", Axis::Lon, -2.35),
            ("48.85N", Axis::Lat, 48.85),
            ("N48.85", Axis::Lat, 48.85),
            ("E 2.35", Axis::Lon, 2.35),
            ("N 48 51.0", Axis::Lat, 48.85),
            ("-48:51:00", Axis::Lat, -48.85),
            ("48°", Axis::Lat, 48.0),
            ("48º 51'", Axis::Lat, 48.85),
        ] {
            assert_eq!(degrees(text, axis, false), Some(expected), "{text}");
        }
        assert_eq!(degrees("48,85", Axis::Lat, true), Some(48.85));
        assert_eq!(degrees("48,85", Axis::Lat, false), None);
    }

    #[test]
    fn what_is_no_angle_of_the_axis_is_none() {
        for text in [
            "",
            "north",
            "1 2",
            "NaN",
            "inf",
            "1e999",
            "48°61'N",
            "48°51'60\"N",
            "2°21'E",
            "48'51°",
            "-48N",
            "1°2'3\"4",
            "48°5.5'3\"",
            "N48S",
            "48°-51'",
            "N",
            "°",
            "1,234.5",
            "48\"51'",
        ] {
            assert_eq!(degrees(text, Axis::Lat, true), None, "{text}");
        }
    }
}
