//! What is tried as it stands: paths, queries and values.

/// Paths that are ours, and paths that only look so.
#[rustfmt::skip]
pub(super) const PATHS: &[&str] = &[
    "/v1/collections/wineries/nearby", "/v1/collections/w/nearby", "/v1/collections/0-_z/nearby",
    "/v1/collections/-w/nearby", "/v1/collections/_w/nearby", "/v1/collections/Wineries/nearby",
    "/v1/collections/win%65ries/nearby", "/v1/collections/win%2Fries/nearby", "/v1/collections/win%2/nearby",
    "/v1/collections/win%zz/nearby", "/v1/collections/win%FF/nearby", "/v1/collections/win+ries/nearby",
    "/v1/collections/win%20ries/nearby", "/v1/collections/win%0d%0aries/nearby",
    "/v1/collections/win%00/nearby", "/v1/collections/é/nearby", "/v1/collections/%C3%A9/nearby",
    "/v1/collections/../nearby", "/v1/collections/%2e%2e/nearby", "/v1/collections//nearby",
    "/v1/collections/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/nearby",
    "/v1/collections/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/nearby",
    "/v1/collections/wineries/nearby/", "//v1/collections/wineries/nearby",
    "/v1//collections/wineries/nearby", "/V1/collections/wineries/nearby", "/v1/Collections/wineries/nearby",
    "/v1/collections/wineries/Nearby", "/v1/collections/wineries/near%62y", "/v2/collections/wineries/nearby",
    "/v1/collections/wineries/items", "/v1/collections/wineries/items/nearby", "/v1/collections/wineries",
    "/v1/collections", "/health", "/", "", "v1/collections/wineries/nearby",
    "/v1/collections/wineries/cells/gh:u09tv", "/v1/collections/wineries/cells/nearby",
    "/v1/collections/wineries/cells//nearby", "/v1/collections/wineries/cells/gh:u09tv/nearby/",
    "/v1/collections/wineries/cells/gh:u09tv/x/nearby", "/v1/collections/wineries/Cells/gh:u09tv/nearby",
    "/v1/collections/wineries/cell%73/gh:u09tv/nearby", "/v1/collections/wineries/cells/gh:u09tv/items",
    "/v1/collections/wineries/cells/gh:u09tv/nearby", "/v1/collections/win%65ries/cells/gh%3Au09tv/nearby",
    "/v1/collections/win%65ries/cells/%67h%3au09t%76/nearby",
    "/v1/collections/Wineries/cells/gh:u09tv/nearby", "/v1/collections/win%/cells/gh:u09tv/nearby",
    "/v1/collections/Wineries/cells/gh:U09/nearby",
];

#[rustfmt::skip]
pub(super) const CELL_QUERIES: &[&str] = &[
    "", "&", "&&&", "category=bar", "&category=bar&", "category=", "category", "category=a&category=a",
    "category=a&category=b", "Category=a", "%63ategory=bar", "cat%65gory=b%61r", "category%3Dbar",
    "category==", "category=a=b", "mode=cell", "lat=1", "limit=5", "radius=5", "precision=5", "cursor=x",
    "x=1&category=a", "category=a&x=1", "=a", "=", "a", "?category=a", "category=a?b", "category=a#b",
    "category=a;b=c", "%=1", "%zz=1", "%FF=1", "category=%&x=1", "x=%", "+category=a", "category+=a",
    "category=a%26b%3Dc", "constructor=1", "__proto__=1", "hasOwnProperty=1", "toString", "%5F_proto__=1",
];

#[rustfmt::skip]
pub(super) const QUERIES: &[&str] = &[
    "", "mode=cell", "mode=exact", "mode=", "mode", "mode=Cell", "mode=CELL", "mode=cell+", "mode=+cell",
    "mode=cell%20", "mode=cells", "Mode=cell", "lat=48.8566&lon=2.3522", "lat=48.8566&lon=2.3522&mode=exact",
    "lat=48.8566&lon=2.3522&mode=cell", "mode=cell&lon=2.3522&lat=48.8566",
    "&&lat=48.8566&&lon=2.3522&mode=cell&", "lat=48.8566&lon=2.3522&m%6Fde=c%65ll",
    "lat=48.8566&lon=2.3522&%6D%6F%64%65=%63%65%6C%6C",
    "lat=48.8566&lon=2.3522&mode=cell&mode=cell", "lat=48.8566&lon=2.3522&mode=exact&mode=cell",
    "lat=48.8566&lon=2.3522&mode=cell&mode=exact", "mode=%&mode=cell&lat=1&lon=2", "mode=%zz", "mode=%FF",
    "%=1&mode=cell", "mode=cell&%=1", "mode=cell&%FF=1", "mode=cell&lat=%&lon=1", "mode=cell&lat=%FF&lon=1",
    "mode=cell&lat=1", "mode=cell&lon=1", "mode=cell&lat=&lon=1", "mode=cell&lat&lon=1",
    "mode=cell&lat=1&lon=", "mode=cell&lat=1&lat=1&lon=2", "mode=cell&lat=1&lon=2&lon=3",
    "mode=cell&lat=1&l%61t=1&lon=2", "mode=cell&lat=1&lng=2", "mode=cell&lat=1&lon=2&x=1",
    "mode=cell&LAT=1&lon=2", "x=1&y=%&mode=cell", "y=%&mode=cell&x=1", "lat=x&lon=y&mode=cell",
    "lat=91&lon=x&mode=cell", "mode=cell&lat=1&lon=2&cursor=abc", "mode=cell&lat=1&lon=2&cursor=",
    "mode=cell&lat=1&lon=2&cursor", "mode=cell&lat=1&lon=2&cursor=a&limit=0",
    "mode=exact&lat=1&lon=2&cursor=abc", "cursor=abc&lat=x&mode=cell&lon=1",
    "mode=cell&lat=1&lon=2&radius=0&limit=0&category=&precision=9",
    "mode=cell&lat=1&lon=2&radius=0&limit=0&precision=9", "mode=cell&lat=1&lon=2&limit=0&precision=9",
    "mode=cell&lat=1&lon=2&radius=5000&limit=20&category=wine+bar&precision=5",
    "mode=cell&lat=1&lon=2&radius=5000&limit=20&category=wine%20bar&precision=5",
    "precision=5&category=wine%20bar&limit=20&radius=5000&lon=2&lat=1&mode=cell",
    "mode=cell&lat=1&lon=2&radius=200000", "mode=cell&lat=1&lon=2&radius=200000.1",
    "mode=cell&lat=1&lon=2&radius=-1", "mode=cell&lat=1&lon=2&radius=1e-400",
    "mode=cell&lat=1&lon=2&limit=100", "mode=cell&lat=1&lon=2&limit=101", "mode=cell&lat=1&lon=2&limit=020",
    "mode=cell&lat=1&lon=2&limit=1.0", "mode=cell&lat=1&lon=2&precision=3",
    "mode=cell&lat=1&lon=2&precision=4", "mode=cell&lat=1&lon=2&precision=6",
    "mode=cell&lat=1&lon=2&precision=7", "mode=cell&lat=1&lon=2&precision=8",
    "mode=cell&lat=1&lon=2&precision=2", "mode=cell&lat=1&lon=2&precision=05",
    "mode=cell&lat=1&lon=2&precision=%35", "mode=cell&lat=1%00&lon=2", "mode=cell&lat=1%0d%0aX:y&lon=2",
    "mode=cell&lat=1&lon=2&category=a%0d%0ab", "mode=cell;lat=1;lon=2", "mode=cell%26lat=1", "mode%3Dcell",
    "?mode=cell&lat=1&lon=2", "mode=cell&lat=1&lon=2#x", "mode=cell&lat=1&lon=2&__proto__=1",
    "mode=cell&lat=1&lon=2&constructor=1", "lat=1&lon=2&mode=cell&bbox=1,2,3,4", "lat[]=1&lon=2&mode=cell",
];

/// Values for each numeric parameter.
#[rustfmt::skip]
pub(super) const NUMBERS: &[&str] = &[
    "0", "-0", "%2B0", "+0", "5", "05", "005.50", "5.", ".5", "-.5", "%2B.5", ".", "-", "%2B", "--5", "-%2B5",
    "5-", "5e0", "5E0", "5e", "e5", "5e%2B0", "5e-1", ".5e1", "5.e0", ".e1", "5e1.0", "5e+0", "1e999",
    "-1e999", "1e-999", "-1e-999", "90", "-90", "90.0", "90.00000000000001", "90.000000000000001",
    "-90.00000000000001", "9e1", "180", "-180", "180.00000000000003", "180.00000000000001", "1.8e2", "181",
    "1e3", "200000", "2e5", "200000.00000000003", "200000.01", "NaN", "nan", "inf", "Infinity", "-Infinity",
    "0x10", "0b1", "0o7", "1_0", "1,5", "1%2C5", "5m", "5%20", "%205", "5%09", "5%0A", "%EF%BC%95", "%D9%A3",
    "٣", "5%00", "%35", "1%2e5", "null", "true", "1n", "٠", "−5", "5%C2%A0",
    "48.85660000000000000000000000000000000000000001", "0.00000000000000000000000000000000000000000000001",
    "00000000000000000000000000000000000000000005", "12345678901234567890", "100", "101", "7", "8", "3", "2",
    "-3",
];

/// Values of `category`, as sent.
#[rustfmt::skip]
pub(super) const CATEGORIES: &[&str] = &[
    "bar", "Bar", "BAR", "wine+bar", "wine%20bar", "wine%2Bbar", "wine%2bbar", "caf%C3%A9", "caf%c3%a9",
    "café", "cafe%CC%81", "%F0%9F%8D%B7", "🍷", "a%26b", "a%3Db", "a=b", "a/b", "a%2Fb", "a?b", "a%3Fb", "a#b",
    "a%23b", "a:b", "a@b", "a,b", "a;b", "a!b", "a'b", "a(b)", "a*b", "a~b", "a%7Eb", "a.b", "a-b", "a_b",
    "a$b", "a[b]", "a%5Bb%5D", "a\"b", "a%22b", "a<b>", "a\\b", "a^b", "a`b", "a{b}", "a|b", "%25", "%2525",
    "a%25b", "+", "%20", "++", "+a+", "%61", "%41%42", "%ED%A0%80", "%C0%AF", "%E0%80%AF", "%F4%90%80%80",
    "%F4%8F%BF%BF", "%80", "%C3", "%C3%", "%C3%2", "%", "%4", "%4g", "%g4", "%u0041", "%00", "a%0Ab", "a%0D",
    "%09", "%1F", "%7F", "%C2%80", "%C2%9F", "%C2%A0", "%E2%80%A8", "%EF%BB%BFa", "%EF%BF%BF", "%EF%BF%BD",
    "%CC%81", "a\u{85}b", "a\u{7f}b", "constructor", "__proto__", "b,a", "b%2Ca,%20a%20", "!bar", "%21bar,cafe", "! bar",
    "!", "!,a", ",", "a,", ",a", "a,,b", "a\\,b", "a%5C%2Cb", "%5C!a", "a%5C!b", "!%5C!a", "a%5C%5C,b", "a%5C", "%5C%5C,%5C",
    "é,a,~,B,🍷,A", "%F0%9F%8D%B7,%EF%BF%BD", "a,b,c,d,e,f,g,h", "a,b,c,d,e,f,g,h,i", "a,b,c,d,e,f,g,h,a", "a!,b", "!a,!b",
];
