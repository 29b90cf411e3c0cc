//! The dialect of a CSV, its columns, and their types.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::super::frame::{Cell, Csv, Dialect, Frame, Framer, InputError, cells};
use super::super::names::{Role, find, is_e7, is_lon_first};
use super::super::numbers::is_plain_number;
use super::super::options::{Kind, Preset, ReadOptions};
use super::super::position::{Axis, Order, Rules, degrees, of_text};
use super::super::window::Window;
use super::{Column, Evidence, Plan, SAMPLE_RECORDS, TablePlan, whole_lines, window_over};

/// What can separate cells, the most usual first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

pub(super) fn recognise(
    plan: &mut Plan,
    text: &[u8],
    evidence: &Evidence<'_>,
    options: &ReadOptions,
) -> Result<(), InputError> {
    let body = beginning(plan, text, options);
    let sample = whole_lines(body.text, evidence.whole);
    if sample.trim_ascii().is_empty() {
        let reason = "the input is empty; expected the names of the columns".into();
        return Err(InputError::Broken { line: 1, reason });
    }
    let said = options.delimiter.or(body.delimiter).or(options.preset.and_then(Preset::delimiter));
    let tabs = evidence.name.to_ascii_lowercase().contains(".tsv");
    let dialect = dialect(sample, said, tabs, options);
    let rows = Rows::of(sample, dialect, SAMPLE_RECORDS);
    let mut named = names(options);
    let bare = named.is_empty();
    if let (true, Some(first)) = (bare, rows.whole.first()) {
        named = bare_names(first, options);
    }
    let header = named.is_empty();
    if let (true, Some(reason)) = (header, &rows.first_broken) {
        return Err(InputError::Broken { line: plan.skip_lines.saturating_add(1), reason: reason.clone() });
    }
    let (names, rows) = match rows.whole.split_first() {
        Some((first, rest)) if header => (column_names(first, &mut plan.notes), rest),
        _ => (named, rows.whole.as_slice()),
    };
    let found_names = names.len();
    let fault = |problem: String| InputError::Columns { problem, columns: names.clone() };
    let mut columns = columns(&names, options);
    let table = Found { names: &names, rows };
    table.ensure_names(dialect, header).map_err(fault)?;
    table.roles(&mut columns, plan, options).map_err(fault)?;
    plan.rules.decimal_comma |= dialect.delimiter != b',' && table.has_decimal_commas(&columns);
    plan.rules.order = options.order.unwrap_or_else(|| table.order(&columns, plan.rules));
    let unnamed = match (header, bare) {
        (true, _) => trailing_unnamed(sample, dialect),
        // A position is enough.
        (false, true) => found_names.saturating_sub(2),
        (false, false) => 0,
    };
    let mut found = TablePlan { dialect, header, columns, unnamed, all_rows: evidence.whole };
    types(&mut found, plan, rows, evidence, options)?;
    plan.table = Some(found);
    Ok(())
}

/// What stands before the first row.
struct Body<'a> {
    text: &'a [u8],
    delimiter: Option<u8>,
}

/// Passes over the lines that an option skips, over comments, and over the line `sep=;` that Excel reads.
fn beginning<'a>(plan: &mut Plan, text: &'a [u8], options: &ReadOptions) -> Body<'a> {
    let mut rest = text;
    let mut left = options.skip_lines;
    while left > 0 && !rest.is_empty() {
        rest = behind_line(rest);
        left -= 1;
    }
    plan.skip_lines += options.skip_lines;
    let mut delimiter = None;
    loop {
        let end = rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        let line = rest[..end].trim_ascii();
        let last = end == rest.len();
        if let Some(said) = separator_line(line) {
            delimiter = Some(said);
        } else if last || !line.starts_with(b"#") || is_header(&String::from_utf8_lossy(line)) {
            return Body { text: rest, delimiter };
        }
        rest = behind_line(rest);
        plan.skip_lines += 1;
    }
}

fn behind_line(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|&b| b == b'\n').map_or(text.len(), |at| at + 1);
    &text[end..]
}

fn separator_line(line: &[u8]) -> Option<u8> {
    let text = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let (name, value) = text.split_at_checked(4)?;
    match value {
        _ if !name.eq_ignore_ascii_case(b"sep=") => None,
        b"\\t" | b"" => Some(b'\t'),
        &[delimiter] => Some(delimiter),
        _ => None,
    }
}

/// Whether a line names a position, so that it is no comment though it begins with `#`.
fn is_header(line: &str) -> bool {
    DELIMITERS.iter().any(|&delimiter| {
        names_position(&line.split(char::from(delimiter)).map(str::to_owned).collect::<Vec<_>>())
    })
}

fn names_position(names: &[String]) -> bool {
    let has = |role| find(names, None, role) != Ok(None);
    has(Role::Lat) && has(Role::Lon)
}

fn names(options: &ReadOptions) -> Vec<String> {
    if options.header.is_empty() {
        options.preset.map(Preset::header).unwrap_or_default().iter().map(|&name| name.to_owned()).collect()
    } else {
        options.header.clone()
    }
}

/// Names for a first row that holds numbers, if there are any for it.
fn bare_names(first: &[Cell<'_>], options: &ReadOptions) -> Vec<String> {
    let is_number = |cell: &Cell<'_>| cell.text.trim().parse::<f64>().is_ok();
    if options.bare_header.is_empty() || first.len() < 2 || !first.iter().take(2).all(is_number) {
        return Vec::new();
    }
    let name = |index: usize| options.bare_header.get(index).cloned();
    (0..first.len().max(options.bare_header.len()))
        .map(|index| name(index).unwrap_or_else(|| format!("column_{}", index + 1)))
        .collect()
}

/// The first rows of a sample.
struct Rows {
    whole: Vec<Vec<Cell<'static>>>,
    broken: usize,
    /// What is wrong with the first row, if it is broken.
    first_broken: Option<String>,
}

impl Rows {
    fn of(text: &[u8], dialect: Dialect, most: usize) -> Self {
        let (mut window, mut framer) = (window_over(text), Csv::new(dialect));
        let mut found = Self { whole: Vec::new(), broken: 0, first_broken: None };
        while found.whole.len() + found.broken < most {
            match framer.next(&mut window) {
                Ok(Some(Frame::Record { text, bytes, .. })) => {
                    let row = String::from_utf8_lossy(&window.unread()[text]).into_owned();
                    found.whole.push(cells(&row, dialect).map(owned).collect());
                    window.consume(bytes);
                }
                Ok(Some(Frame::Broken { reason, .. })) => {
                    if found.whole.is_empty() && found.broken == 0 {
                        found.first_broken = Some(reason);
                    }
                    found.broken += 1;
                }
                Ok(None) | Err(_) => break,
            }
        }
        found
    }

    /// How many rows have as many cells as the first; the share of all.
    fn agreement(&self) -> f64 {
        let cells = self.whole.first().map_or(0, Vec::len);
        let agree = self.whole.iter().filter(|row| row.len() == cells).count();
        agree as f64 / (self.whole.len() + self.broken).max(1) as f64
    }
}

fn owned(cell: Cell<'_>) -> Cell<'static> {
    Cell { text: Cow::Owned(cell.text.into_owned()), quoted: cell.quoted }
}

/// The delimiter that gives the first row a position, else the most rows alike, else the most cells.
fn dialect(sample: &[u8], said: Option<u8>, tabs: bool, options: &ReadOptions) -> Dialect {
    let quotes = options.preset.is_none_or(Preset::quotes);
    let with = |delimiter| Dialect { quotes, ..Dialect::of(delimiter) };
    let score = |delimiter: u8| {
        let rows = Rows::of(sample, with(delimiter), 50);
        let first: Vec<String> =
            rows.whole.first().into_iter().flatten().map(|cell| cell.text.trim().to_owned()).collect();
        let expected = names(options).len();
        let fits = names_position(&first) || expected > 1 && first.len() == expected;
        let several = first.len() > 1;
        (several, fits, (rows.agreement() * 100.0) as u32, first.len())
    };
    let delimiter = said.unwrap_or_else(|| {
        let first = if tabs { b'\t' } else { b',' };
        let mut best = (score(first), first);
        for delimiter in DELIMITERS.into_iter().filter(|&delimiter| delimiter != first) {
            let scored = score(delimiter);
            best = if scored > best.0 { (scored, delimiter) } else { best };
        }
        best.1
    });
    let plain = with(delimiter);
    let escaped = Dialect { backslash: true, ..plain };
    let escapes = sample.windows(2).any(|pair| pair == b"\\\"")
        && Rows::of(sample, plain, SAMPLE_RECORDS).broken > Rows::of(sample, escaped, SAMPLE_RECORDS).broken;
    if escapes && quotes { escaped } else { plain }
}

/// Columns with a name that came before that are told one by one.
const NAMES_TOLD: usize = 10;

/// The names of the first row: a column without one is `column_<n>`, and a name that comes again gets a number.
fn column_names(first: &[Cell<'_>], notes: &mut Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(first.len());
    let mut taken: HashSet<String> = HashSet::new();
    let mut copies: HashMap<String, usize> = HashMap::new();
    let mut repeated = 0;
    for (index, cell) in first.iter().enumerate() {
        let given = match cell.text.trim() {
            "" => format!("column_{}", index + 1),
            name => name.to_owned(),
        };
        let mut name = given.clone();
        let copy = copies.entry(given.clone()).or_insert(0);
        *copy += 1;
        while taken.contains(&name) {
            *copy = (*copy).max(2);
            name = format!("{given}_{copy}");
            *copy += usize::from(taken.contains(&name));
        }
        if name != given {
            repeated += 1;
            if repeated <= NAMES_TOLD {
                notes.push(format!(
                    "column {} is the {copy}. of the name `{given}`; it is kept as `{name}`",
                    index + 1
                ));
            }
        }
        taken.insert(name.clone());
        names.push(name);
    }
    if repeated > NAMES_TOLD {
        notes.push(format!("{} more columns have names that came before", repeated - NAMES_TOLD));
    }
    names
}

fn trailing_unnamed(sample: &[u8], dialect: Dialect) -> usize {
    let rows = Rows::of(sample, dialect, 1);
    rows.whole
        .first()
        .map_or(0, |first| first.iter().rev().take_while(|cell| cell.text.trim().is_empty()).count())
}

fn columns(names: &[String], options: &ReadOptions) -> Vec<Column> {
    let texts = options.preset.map(Preset::texts).unwrap_or_default();
    let column = |name: &String| Column {
        name: name.clone(),
        role: None,
        kind: if texts.contains(&name.as_str()) { Kind::Text } else { Kind::Number },
        e7: false,
    };
    names.iter().map(column).collect()
}

/// The columns and the first rows.
struct Found<'a> {
    names: &'a [String],
    rows: &'a [Vec<Cell<'static>>],
}

impl Found<'_> {
    fn values(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows
            .iter()
            .filter_map(move |row| row.get(column))
            .map(|cell| cell.text.trim())
            .filter(|text| !text.is_empty())
    }

    fn ensure_names(&self, dialect: Dialect, header: bool) -> Result<(), String> {
        if !header {
            return Ok(());
        }
        if self.names.iter().any(|name| name.contains('\u{fffd}')) {
            return Err("the names of the columns are not UTF-8; say --encoding, for instance `--encoding windows-1252`".into());
        }
        let others = [(b',', ","), (b';', ";"), (b'\t', "\\t"), (b'|', "|")];
        let other = others
            .iter()
            .find(|&&(byte, _)| byte != dialect.delimiter && self.names[0].contains(char::from(byte)));
        match (self.names, other) {
            ([_], Some((_, other))) => {
                Err(format!("its cells seem to be separated by `{other}`; say --delimiter '{other}'"))
            }
            _ => Ok(()),
        }
    }

    fn roles(&self, columns: &mut [Column], plan: &mut Plan, options: &ReadOptions) -> Result<(), String> {
        let wanted = &options.columns;
        let position = self.position(options)?;
        if position.is_none() {
            self.ensure_header(options)?;
        }
        let id = self.column(options.id(), Role::Id)?;
        if id.is_none() && !options.generate_ids {
            return Err(missing(Role::Id, ", or make ids with --generate-ids"));
        }
        let given = if let Some(position) = position {
            vec![(Role::Position, Some(position))]
        } else {
            vec![
                (Role::Lat, self.coordinate(wanted.lat.as_deref(), Role::Lat)?),
                (Role::Lon, self.coordinate(wanted.lon.as_deref(), Role::Lon)?),
            ]
        };
        for (role, index) in given.into_iter().chain([(Role::Id, id)]) {
            let Some(index) = index else { continue };
            if columns[index].role.replace(role).is_some() {
                return Err("id, latitude and longitude must be three different columns".into());
            }
            columns[index].e7 = matches!(role, Role::Lat | Role::Lon) && is_e7(&self.names[index]);
        }
        self.fields(columns, plan, options)
    }

    fn fields(&self, columns: &mut [Column], plan: &Plan, options: &ReadOptions) -> Result<(), String> {
        let fields = &plan.fields;
        let by_preset = options.columns.category.is_none();
        let category = fields
            .category
            .iter()
            .map(|name| find(self.names, Some(name), Role::Category))
            .find(|found| *found != Ok(None));
        let category = match category {
            Some(found) => found?,
            None if fields.category.is_empty() || by_preset => find(self.names, None, Role::Category)?,
            None => return Err(absent(&fields.category[0], Role::Category)),
        };
        let by_preset = options.columns.name.is_none();
        let name = match &fields.name {
            Some(name) if !by_preset => self.column(Some(name), Role::Name)?,
            Some(name) => find(self.names, Some(name), Role::Name)?.or(find(self.names, None, Role::Name)?),
            None => find(self.names, None, Role::Name)?,
        };
        for (role, index) in [(Role::Category, category), (Role::Name, name)] {
            let Some(index) = index else { continue };
            columns[index].role.get_or_insert(role);
            columns[index].kind = Kind::Text;
        }
        Ok(())
    }

    /// The column that an option names, or a usual one.
    fn column(&self, option: Option<&str>, role: Role) -> Result<Option<usize>, String> {
        match (find(self.names, option, role)?, option) {
            (None, Some(wanted)) => Err(absent(wanted, role)),
            (found, _) => Ok(found),
        }
    }

    fn coordinate(&self, option: Option<&str>, role: Role) -> Result<Option<usize>, String> {
        match self.column(option, role)? {
            Some(column) => Ok(Some(column)),
            None => Err(missing(role, "")),
        }
    }

    /// Whether the first row can be names: two numbers in it are none.
    fn ensure_header(&self, options: &ReadOptions) -> Result<(), String> {
        let numbers = self.names.iter().filter(|name| name.trim().parse::<f64>().is_ok()).count();
        if numbers < 2 || !options.header.is_empty() {
            return Ok(());
        }
        Err("the first row seems to hold values, not names of columns; name them with --columns, for instance \
             `--columns id,lat,lon,name`"
            .into())
    }

    /// The column that holds both coordinates, if that is how they come.
    fn position(&self, options: &ReadOptions) -> Result<Option<usize>, String> {
        let wanted = &options.columns;
        if wanted.position.is_some() {
            return self.column(wanted.position.as_deref(), Role::Position);
        }
        let has =
            |option: &Option<String>, role| option.is_some() || find(self.names, None, role) != Ok(None);
        if has(&wanted.lat, Role::Lat) && has(&wanted.lon, Role::Lon) {
            return Ok(None);
        }
        let readable = |&column: &usize| {
            let rules = Rules { decimal_comma: false, ..Rules::default() };
            let swapped = Rules { order: Order::LonLat, ..rules };
            self.values(column).take(100).any(|value| {
                let refused =
                    |rules| matches!(of_text(value, rules), Err(super::super::position::Fault::Unreadable));
                !refused(rules) || !refused(swapped)
            })
        };
        let usual = Role::Position.usual().iter().flat_map(|usual| {
            (0..self.names.len()).filter(move |&i| super::super::names::plain(&self.names[i]) == *usual)
        });
        Ok(usual.into_iter().find(readable))
    }

    fn has_decimal_commas(&self, columns: &[Column]) -> bool {
        let coordinates =
            columns.iter().enumerate().filter(|(_, c)| matches!(c.role, Some(Role::Lat | Role::Lon)));
        let mut values =
            coordinates.flat_map(|(index, column)| self.values(index).map(move |value| (column.role, value)));
        values.any(|(role, value)| {
            let axis = if role == Some(Role::Lat) { Axis::Lat } else { Axis::Lon };
            value.contains(',') && degrees(value, axis, true).is_some()
        })
    }

    /// By its name, else by values that can be meant in one way only.
    fn order(&self, columns: &[Column], rules: Rules) -> Order {
        let Some(index) = columns.iter().position(|column| column.role == Some(Role::Position)) else {
            return Order::default();
        };
        if is_lon_first(&self.names[index]) {
            return Order::LonLat;
        }
        let readable = |order| {
            self.values(index)
                .take(1_000)
                .filter(|value| of_text(value, Rules { order, ..rules }).is_ok())
                .count()
        };
        if readable(Order::LonLat) > readable(Order::LatLon) { Order::LonLat } else { Order::LatLon }
    }
}

fn absent(wanted: &str, role: Role) -> String {
    format!("there is no column `{wanted}`, which {} names", role.option())
}

fn missing(role: Role, otherwise: &str) -> String {
    let told = match role {
        Role::Lat => 3,
        Role::Lon => 5,
        _ => 1,
    };
    let usual = role.usual()[..told].join("`, `");
    format!(
        "there is no column for the {} (`{usual}`); name it with {} NAME{otherwise}",
        role.words(),
        role.option()
    )
}

/// A column is of numbers if all its cells are plain ones out of quotes, of all rows where the input can be read twice.
fn types(
    found: &mut TablePlan,
    plan: &Plan,
    rows: &[Vec<Cell<'static>>],
    evidence: &Evidence<'_>,
    options: &ReadOptions,
) -> Result<(), InputError> {
    let mut tally =
        Tally { numbers: vec![false; found.columns.len()], texts: vec![false; found.columns.len()] };
    for row in rows {
        tally.row(row);
    }
    if let (false, Some(reopen)) = (evidence.whole, evidence.reopen) {
        let mut window = Window::new(plan.text(reopen()?), "");
        plan.pass_beginning(&mut window)?;
        tally.all(&mut window, found.dialect, found.header)?;
        found.all_rows = true;
    }
    for (index, column) in found.columns.iter_mut().enumerate() {
        let looks = tally.numbers[index] && !tally.texts[index];
        let fixed = column.kind == Kind::Text || column.role.is_some();
        column.kind = if looks && !fixed { Kind::Number } else { Kind::Text };
    }
    for (name, kind) in &options.types {
        let Some(column) = found.columns.iter_mut().find(|column| column.name.eq_ignore_ascii_case(name))
        else {
            let columns = found.columns.iter().map(|column| column.name.clone()).collect();
            return Err(InputError::Columns {
                problem: format!("there is no column `{name}`, which --types names"),
                columns,
            });
        };
        column.kind = *kind;
    }
    Ok(())
}

struct Tally {
    numbers: Vec<bool>,
    texts: Vec<bool>,
}

impl Tally {
    fn row(&mut self, row: &[Cell<'_>]) {
        for (index, cell) in row.iter().enumerate().take(self.numbers.len()) {
            self.cell(index, cell);
        }
    }

    fn all(&mut self, window: &mut Window, dialect: Dialect, header: bool) -> Result<(), InputError> {
        let mut framer = Csv::new(dialect);
        let mut first = header;
        while let Some(frame) = framer.next(window)? {
            if let Frame::Record { text, bytes, .. } = frame {
                // What is not UTF-8 is rejected later and decides nothing.
                if let (false, Ok(row)) = (first, std::str::from_utf8(&window.unread()[text])) {
                    self.row_of_text(row, dialect);
                }
                window.consume(bytes);
            }
            first = false;
        }
        Ok(())
    }

    fn row_of_text(&mut self, row: &str, dialect: Dialect) {
        for (index, cell) in cells(row, dialect).enumerate().take(self.numbers.len()) {
            self.cell(index, &cell);
        }
    }

    fn cell(&mut self, index: usize, cell: &Cell<'_>) {
        if cell.text.is_empty() || self.texts[index] {
            return;
        }
        if !cell.quoted && is_plain_number(&cell.text) {
            self.numbers[index] = true;
        } else {
            self.texts[index] = true;
        }
    }
}
