use super::*;

/// Shortened: of Linux 6.18.
const FORMAT: &str = "\
name: tcp_send_reset
ID: 2280
format:
\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;

\tfield:int state;\toffset:24;\tsize:4;\tsigned:1;
\tfield:__u8 saddr[28];\toffset:32;\tsize:28;\tsigned:0;

print fmt: \"state=%s reason=%s\", REC->state ? __print_symbolic(REC->state, { TCP_LISTEN, \"TCP_LISTEN\" }) : \"?\", \
__print_symbolic(REC->reason, { 0, \"NOT_SPECIFIED\" }, { TOO_NEW, \"TOO_NEW\" }, { 7, \"SEVEN\" }), { 9, \"NO_MORE\" }
";

#[test]
fn fields_by_name_and_reasons_by_number() {
    let format = EventFormat::parse(FORMAT);
    assert_eq!(format.id, Some(2280));
    let field = |offset, size| Some(Field { offset, size });
    assert_eq!(format.field("common_type"), field(0, 2));
    assert_eq!(format.field("state"), field(24, 4));
    assert_eq!(format.field("saddr"), field(32, 28));
    assert_eq!(format.field("reason"), None, "not known, and not at 0");
    let reasons = [(0, "NOT_SPECIFIED".to_owned()), (7, "SEVEN".to_owned())];
    assert_eq!(format.reasons, BTreeMap::from(reasons));
}

#[test]
fn a_number_of_any_size_and_order() {
    let record = [0, 1, 2, 3, 4, 5, 6, 7, 8];
    let number = |offset, size, order| Field { offset, size }.number(&record, order);
    let (little, big) = (ByteOrder::Little, ByteOrder::Big);
    assert_eq!(number(1, 1, little), Some(1));
    assert_eq!(number(1, 2, little), Some(0x0201));
    assert_eq!(number(1, 2, big), Some(0x0102));
    assert_eq!(number(1, 4, big), Some(0x0102_0304));
    assert_eq!(number(1, 8, little), Some(0x0807_0605_0403_0201));
    assert_eq!(number(1, 3, little), None, "no number has three bytes");
    assert_eq!(number(6, 4, little), None, "behind the end");
    assert_eq!(number(usize::MAX, 4, little), None);
}

#[test]
fn an_unknown_format_gives_no_fields() {
    for text in [
        "",
        "ID: x\n",
        "field:;offset:1;size:1;",
        "field:int a;\toffset:x;\tsize:4;",
        "field:int a;",
        "__print_symbolic(REC->reason, { 1",
        "__print_symbolic(REC->reason, { 1 }, { x, \"y\" })",
    ] {
        let format = EventFormat::parse(text);
        assert_eq!(format.id, None, "{text:?}");
        assert_eq!(format.field("a"), None, "{text:?}");
        assert!(format.reasons.is_empty(), "{text:?}");
    }
}
