//! The records of an input, each a place or a reason why not.

use std::io;
use std::path::Path;
use std::sync::Arc;

use cellar_model::Collection;
use cellar_model::place::Place;
use serde::{Deserialize, Serialize};

use super::format::Format;
use super::frame::{Frame, Framer, InputError};
use super::items::{CollectionRecord, Entry, ItemReader};
use super::objects::Objects;
use super::options::ReadOptions;
use super::plan::{Evidence, Plan};
use super::position::Crs;
use super::properties::Fields;
use super::reading::Reading;
use super::reject::{Reject, listed};
use super::source::{Parts, Source, reopened};
use super::table::Table;
use super::unpack::{Compression, chosen_of_several};
use super::window::Window;

/// How far an input was read. Two equal marks mean the same bytes, read in the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Records done.
    pub records: u64,
    /// Number of the file that is being read.
    #[serde(default)]
    pub file: u16,
    /// Line in which the next one is looked for.
    pub line: u64,
    /// Hash of everything up to here and of the options.
    pub hash: u64,
}

/// A record that can be used.
#[derive(Debug)]
pub enum Record {
    /// A place.
    Place(Box<Found>),
    /// A collection.
    Collection(CollectionRecord),
    /// Of another collection than the one that is wanted, or of use only where it was made.
    Skipped,
}

/// A place, and what is told of it.
#[derive(Debug)]
pub struct Found {
    /// Without one, it belongs to that of the import.
    pub collection: Option<Collection>,
    /// The place.
    pub place: Place,
    /// Number of the file.
    pub file: u16,
    /// Line in which its record begins.
    pub line: u64,
    /// The beginning of its record.
    pub record: String,
    /// Whether its id was made of what it holds.
    pub generated: bool,
    /// Whether it had an altitude, which is not kept.
    pub altitude: bool,
    /// Whether its id is a whole number with `.0` behind it.
    pub float_id: bool,
    /// A column of numbers in which it has something else.
    pub misfit: Option<String>,
}

/// The records of all inputs, one after the other.
pub struct Records {
    sources: Vec<Source>,
    options: ReadOptions,
    read_bytes: Arc<Reading>,
    current: Option<Current>,
    /// Index of the source that is being read.
    at: usize,
    count: u64,
    /// Hash of all sources before.
    before: u64,
    /// How a source was recognised in an earlier run.
    recorded: Option<(u16, Plan)>,
    /// Plans that nobody was told of yet.
    untold: Vec<(String, Plan)>,
}

/// The input that is being read.
struct Current {
    window: Window,
    framer: Box<dyn Framer>,
    parser: Parser,
    parts: Parts,
    plan: Plan,
}

enum Parser {
    Rows(Table),
    Objects(Objects),
    Items,
}

impl Records {
    /// Begins to read. Faults of the whole input, such as a missing column, show here; of several files, when each begins.
    pub fn open(
        sources: Vec<Source>,
        options: ReadOptions,
        read_bytes: Arc<Reading>,
        recorded: Option<(u16, Plan)>,
    ) -> Result<Self, (InputError, Vec<Source>)> {
        let mut records = Self {
            sources,
            options,
            read_bytes,
            current: None,
            at: 0,
            count: 0,
            before: 0,
            recorded,
            untold: Vec::new(),
        };
        match records.begin() {
            Ok(()) => Ok(records),
            Err(error) => Err((error, records.sources)),
        }
    }

    /// Gives the sources back, to begin anew.
    pub fn into_sources(self) -> Vec<Source> {
        self.sources
    }

    /// Opens the source that is next, if there is one.
    fn begin(&mut self) -> Result<(), InputError> {
        let Some(source) = self.sources.get_mut(self.at) else { return Ok(()) };
        let recorded = self.recorded.take_if(|(file, _)| usize::from(*file) == self.at);
        let current = Current::open(
            source,
            &self.options,
            &self.read_bytes,
            recorded.map(|(_, plan)| plan),
            self.before,
        );
        let current = current.map_err(|error| error.in_file(&source.name, self.at > 0))?;
        self.untold.push((source.name.clone(), current.plan.clone()));
        self.current = Some(current);
        Ok(())
    }

    /// Plans of inputs that were begun since this was asked.
    pub fn untold_plans(&mut self) -> Vec<(String, Plan)> {
        std::mem::take(&mut self.untold)
    }

    /// The plan of the input that is being read, and its number.
    pub fn plan(&self) -> Option<(u16, Plan)> {
        Some((self.at as u16, self.current.as_ref()?.plan.clone()))
    }

    /// Name of a file, if there is more than one.
    pub fn file_name(&self, file: u16) -> Option<String> {
        let named = self.sources.len() > 1;
        self.sources.get(usize::from(file)).filter(|_| named).map(|source| source.name.clone())
    }

    /// The next record, or its line of the rejects file; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Result<Record, Box<Reject>>>, InputError> {
        while let Some(current) = &mut self.current {
            let read = current.read(self.at as u16, &self.options);
            let read = read.map_err(|error| error.in_file(&self.sources[self.at].name, self.at > 0))?;
            if let Some(read) = read {
                self.count += 1;
                return Ok(Some(read.map_err(|reject| Box::new(self.located(*reject)))));
            }
            self.before = current.window.hash();
            self.current = None;
            self.at += 1;
            self.begin()?;
        }
        Ok(None)
    }

    /// The reject with its file, and its line in that.
    fn located(&self, reject: Reject) -> Reject {
        let reject = Reject { file: self.file_name(self.at as u16), ..reject };
        match &self.current {
            Some(current) => current.parts.locate(reject),
            None => reject,
        }
    }

    /// How far it was read.
    pub fn mark(&self) -> Mark {
        let (line, hash) = match &self.current {
            Some(current) => (current.window.line(), current.window.hash()),
            None => (0, self.before),
        };
        Mark { records: self.count, file: self.at as u16, line, hash }
    }
}

impl Current {
    fn open(
        source: &mut Source,
        options: &ReadOptions,
        read_bytes: &Arc<Reading>,
        recorded: Option<Plan>,
        before: u64,
    ) -> Result<Self, InputError> {
        let opened = source.open(read_bytes)?;
        let format = source.format();
        let plan = match (recorded, format) {
            (Some(plan), _) => plan,
            (None, Some(format)) => {
                options.ensure_apply(format).map_err(InputError::Usage)?;
                Plan::plain(format, options)
            }
            (None, None) => recognised(&opened, source, options)?,
        };
        let unpacked = opened.into_reader();
        let text =
            if plan.format.is_xml() { super::xml::lines(unpacked, &plan) } else { plan.text(unpacked) };
        let mut window = Window::new(text, &format!("{before:x}{options:?}{plan:?}"));
        plan.pass_beginning(&mut window)?;
        let mut framer = plan.framer();
        let typed: Vec<String> = options.types.iter().map(|(name, _)| name.clone()).collect();
        let parser = match plan.format {
            Format::Csv => {
                pass_header(&plan, &mut window, framer.as_mut())?;
                let table = Table::new(&plan, &typed);
                Parser::Rows(table.ok_or_else(|| InputError::Unreadable("its plan has no position".into()))?)
            }
            Format::DynamodbJson => Parser::Items,
            _ => Parser::Objects(Objects::new(&plan)),
        };
        Ok(Self { window, framer, parser, parts: source.parts(), plan })
    }

    fn read(
        &mut self,
        file: u16,
        options: &ReadOptions,
    ) -> Result<Option<Result<Record, Box<Reject>>>, InputError> {
        let next = self.framer.next(&mut self.window)?;
        if let Some(crs) = self.framer.take_crs() {
            self.ensure_known(&crs)?;
        }
        let (line, text, bytes) = match next {
            None => return Ok(None),
            Some(Frame::Record { line, text, bytes }) => (line, text, bytes),
            Some(Frame::Broken { line, excerpt, reason }) => {
                return Ok(Some(Err(Box::new(Reject::new(line, None, reason, &excerpt)))));
            }
        };
        let record = &self.window.unread()[text];
        let read = match &self.parser {
            Parser::Rows(table) => row(table, line, record),
            Parser::Objects(objects) => self.object(objects, line, record)?,
            Parser::Items => item(options.items, options.only.as_ref(), line, record),
        };
        self.window.consume(bytes);
        let looked_for = matches!(self.parser, Parser::Objects(_)) && !self.plan.exported;
        let fields = looked_for.then_some(&self.plan.fields);
        Ok(Some(
            read.map(|record| finish(record, file, fields))
                .and_then(|record| within(record, options))
                .and_then(storable),
        ))
    }

    /// What is declared behind the first record must be what the records before were read by.
    fn ensure_known(&self, crs: &str) -> Result<(), InputError> {
        let declared = Crs::of_member(crs).map_err(InputError::Unreadable)?;
        if declared == self.plan.rules.crs {
            return Ok(());
        }
        Err(InputError::Unreadable(format!(
            "behind its features it declares that all coordinates are {declared}; import it from a file, so that this is \
             seen first"
        )))
    }

    fn object(
        &self,
        objects: &Objects,
        line: u64,
        record: &[u8],
    ) -> Result<Result<Record, Box<Reject>>, InputError> {
        let Ok(text) = std::str::from_utf8(record) else {
            return Ok(Err(Box::new(Reject::new(line, None, "not UTF-8".into(), record))));
        };
        match objects.read(text, self.framer.key()) {
            Ok(object) => {
                let found = Found {
                    collection: None,
                    place: object.place,
                    file: 0,
                    line: object.line.unwrap_or(line),
                    record: listed(record),
                    generated: object.generated,
                    altitude: object.altitude,
                    float_id: false,
                    misfit: None,
                };
                Ok(Ok(Record::Place(Box::new(found))))
            }
            Err(refusal) if refusal.broken && self.framer.ends_at_bad_json() => Err(InputError::Broken {
                line,
                reason: format!("the feature is {} of the feature", refusal.reason),
            }),
            Err(refusal) => {
                let line = own_line(text).unwrap_or(line);
                Ok(Err(Box::new(Reject::new(line, refusal.id, refusal.reason, record))))
            }
        }
    }
}

fn own_line(text: &str) -> Option<u64> {
    super::members::Members::of(text)?.get("@line")?.get().parse().ok()
}

/// Looks at the input, and reads all of it where that can be done twice.
fn recognised(
    opened: &super::source::Opened,
    source: &Source,
    options: &ReadOptions,
) -> Result<Plan, InputError> {
    let reopen = |path: &Path| -> io::Result<Box<dyn io::Read + Send>> { reopened(path) };
    let path = source.path().map(Path::to_owned);
    let again = path.as_deref().map(|path| move || reopen(path));
    let evidence = Evidence {
        name: &source.name,
        compression: opened.compression,
        lines_of: opened.lines_of,
        crs: opened.crs,
        geometry: opened.geometry.as_deref(),
        beginning: &opened.beginning,
        whole: opened.whole,
        reopen: again.as_ref().map(|again| again as _),
    };
    let mut plan = Plan::recognise(&evidence, options)?;
    if let (Compression::Zip, Some(path)) = (opened.compression, path.as_deref())
        && let Some(name) = chosen_of_several(path)?
    {
        plan.notes.push(format!("of the zip, `{name}` is read"));
    }
    Ok(plan)
}

fn pass_header(plan: &Plan, window: &mut Window, framer: &mut dyn Framer) -> Result<(), InputError> {
    if plan.table.as_ref().is_some_and(|table| table.header)
        && let Some(Frame::Record { bytes, .. }) = framer.next(window)?
    {
        window.consume(bytes);
    }
    Ok(())
}

/// Gives a place its file, and its name and category where its properties came as they are.
fn finish(record: Record, file: u16, fields: Option<&Fields>) -> Record {
    match (record, fields) {
        (Record::Place(mut found), None) => {
            found.file = file;
            Record::Place(found)
        }
        (Record::Place(mut found), Some(fields)) => {
            found.file = file;
            let empty = cellar_model::place::Properties::empty();
            let properties = std::mem::replace(&mut found.place.properties, empty);
            found.place.properties = fields.set(properties);
            Record::Place(found)
        }
        (other, _) => other,
    }
}

/// Refuses a place whose categories nobody could search for.
fn storable(record: Record) -> Result<Record, Box<Reject>> {
    let Record::Place(found) = &record else { return Ok(record) };
    let Err(error) = found.place.properties.categories() else { return Ok(record) };
    let id = Some(found.place.id.to_string());
    let reject = Reject::new(found.line, id, error.to_string(), b"");
    Err(Box::new(Reject { record: found.record.clone(), ..reject }))
}

/// Refuses a place outside of the box where all are expected.
fn within(record: Record, options: &ReadOptions) -> Result<Record, Box<Reject>> {
    match (record, &options.bbox) {
        (Record::Place(found), Some(bbox)) if !bbox.contains(found.place.position) => {
            let reason = "it is outside of --bbox".to_owned();
            let id = Some(found.place.id.to_string());
            Err(Box::new(Reject { record: found.record, ..Reject::new(found.line, id, reason, b"") }))
        }
        (record, _) => Ok(record),
    }
}

fn row(table: &Table, line: u64, record: &[u8]) -> Result<Record, Box<Reject>> {
    let row = table.row(record).map_err(|error| {
        let id = table.id_of(&String::from_utf8_lossy(record));
        Box::new(Reject::new(line, id, error.to_string(), record))
    })?;
    Ok(Record::Place(Box::new(Found {
        collection: None,
        place: row.place,
        file: 0,
        line,
        record: listed(record),
        generated: row.generated,
        altitude: row.altitude,
        float_id: row.float_id,
        misfit: row.misfit.map(|index| table.column_name(index).to_owned()),
    })))
}

fn item(
    items: ItemReader,
    only: Option<&Collection>,
    line: u64,
    record: &[u8],
) -> Result<Record, Box<Reject>> {
    let reject = |id, reason| Box::new(Reject::new(line, id, reason, record));
    let text = std::str::from_utf8(record).map_err(|_| reject(None, "not UTF-8".into()))?;
    let wanted = |collection: &Collection| only.is_none_or(|only| only == collection);
    Ok(match items.read(text).map_err(|error| reject(error.key, error.reason))? {
        Entry::Place(collection, place) if wanted(&collection) => Record::Place(Box::new(Found {
            collection: Some(collection),
            place,
            file: 0,
            line,
            record: listed(record),
            generated: false,
            altitude: false,
            float_id: false,
            misfit: None,
        })),
        Entry::Collection(info) if wanted(&info.name) => Record::Collection(info),
        Entry::Place(..) | Entry::Collection(_) | Entry::Note => Record::Skipped,
    })
}
