use proptest::prelude::*;

use super::*;

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words
        .iter()
        .map(|word| word.as_bytes().to_owned())
        .collect()
}

fn value(line: usize, words: &[&str]) -> Option<Value> {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Some(Value { line, words })
}

/// The command and the dropped words of the first script's first line.
#[track_caller]
fn call_of(line: &str) -> Result<Words, Malformed> {
    let conf = Conf::read(format!("vrrp_script chk {{\n {line}\n}}\n").as_bytes());
    assert_eq!(conf.scripts.len(), 1, "{conf:?}");
    assert_eq!(conf.scripts[0].calls.len(), 1, "{conf:?}");
    assert_eq!(conf.scripts[0].calls[0].line, 2);
    conf.scripts[0].calls[0].words.clone()
}

#[test]
fn the_block_of_the_readme() {
    let conf = Conf::read(
        b"! the gateway\n\
          global_defs {\n\
              enable_script_security   # at last\n\
              script_user nobody nogroup\n\
          }\n\
          \n\
          vrrp_script chk_https {\n\
              script \"/usr/libexec/keepalived/listenup check -q 443\"\n\
              interval 2\n\
              timeout 1\n\
              fall 2\n\
              rise 2\n\
              user root\n\
          }\n\
          \n\
          vrrp_instance gateway {\n\
              virtual_ipaddress {\n\
                  192.0.2.100/24 dev eth0\n\
              }\n\
              track_script {\n\
                  chk_https weight -10\n\
                  other\n\
              }\n\
              include more.conf\n\
          }\n\
          include /etc/keepalived/conf.d/*.conf\n",
    );
    assert_eq!(conf.script_security, Some(3));
    assert_eq!(conf.script_user, value(4, &["nobody", "nogroup"]));
    assert_eq!(conf.tracked, ["chk_https", "other"]);
    let includes: Vec<_> = conf.includes.iter().map(|include| include.line).collect();
    assert_eq!(includes, [24, 26]);
    let [script] = &conf.scripts[..] else {
        panic!("{conf:?}")
    };
    assert_eq!(script.name, "chk_https");
    assert_eq!(script.interval, value(9, &["2"]));
    assert_eq!(script.timeout, value(10, &["1"]));
    assert_eq!(script.user, value(13, &["root"]));
    assert_eq!(script.calls.len(), 1);
    assert_eq!(script.calls[0].line, 8);
    assert_eq!(
        script.calls[0].words,
        Ok(Words {
            command: words(&["/usr/libexec/keepalived/listenup", "check", "-q", "443"]),
            dropped: words(&[]),
        })
    );
}

#[test]
fn quotes_decide_what_is_dropped() {
    for (line, command, dropped) in [
        ("script \"/x check 1\"", &["/x", "check", "1"][..], &[][..]),
        ("script '/x check 1'", &["/x", "check", "1"], &[]),
        ("script /x check 1", &["/x"], &["check", "1"]),
        ("script \"/x\" check 1", &["/x"], &["check", "1"]),
        ("script \"/x check\"\" 1\"", &["/x", "check", "1"], &[]),
        ("script \"/x 'a b' c\"", &["/x", "a b", "c"], &[]),
        ("script \"/x a\" # b", &["/x", "a"], &[]),
        (
            "script \"/x # a ! b\" ! c",
            &["/x", "#", "a", "!", "b"],
            &[],
        ),
        ("script \"/x {a}\"", &["/x", "{a}"], &[]),
        ("script\t\"/x\"\r", &["/x"], &[]),
        ("script", &[], &[]),
        ("script \"\"", &[], &[]),
        ("script \"\" a", &[], &["a"]),
        ("@main script \"/x\"", &["/x"], &[]),
    ] {
        let expected = Words {
            command: words(command),
            dropped: words(dropped),
        };
        assert_eq!(call_of(line), Ok(expected), "{line:?}");
    }
    for (line, error) in [
        ("script \"/x a", Malformed::Quote),
        ("script \"/x 'a\"", Malformed::Quote),
        ("script \"/x {", Malformed::Quote),
        ("script /x \\", Malformed::Escape),
    ] {
        assert_eq!(call_of(line), Err(error), "{line:?}");
    }
}

#[test]
fn braces_may_stand_anywhere() {
    for text in [
        "vrrp_script chk { script \"/x\" }",
        "vrrp_script chk {script \"/x\"}",
        "vrrp_script chk{\nscript \"/x\"\n}",
        "vrrp_script chk\n{\n script \"/x\" }",
        "vrrp_script chk\n\n! what is checked\n{ script \"/x\"\n}",
        "vrrp_instance a { track_script { b } } vrrp_script chk { script \"/x\" }",
        "}\n}\nvrrp_script chk { script \"/x\" }",
    ] {
        let conf = Conf::read(text.as_bytes());
        assert_eq!(conf.scripts.len(), 1, "{text:?}");
        assert_eq!(conf.scripts[0].name, "chk", "{text:?}");
        let calls = &conf.scripts[0].calls;
        assert_eq!(calls.len(), 1, "{text:?}");
        let command = calls[0].words.as_ref().map(|words| words.command.clone());
        assert_eq!(command, Ok(words(&["/x"])), "{text:?}");
    }
}

#[test]
fn only_at_its_place_is_a_keyword_one() {
    for text in [
        "! vrrp_script chk {\n! script \"/x\"\n! }",
        "vrrp_instance chk { script \"/x\" }",
        "script \"/x\"",
        "vrrp_instance a { vrrp_script chk { script \"/x\" } }",
        "global_defs { script \"/x\" }",
        "enable_script_security\nscript_user root",
        "vrrp_instance global_defs { enable_script_security }",
        "$BLOCK= \\\nvrrp_script chk { \\\nscript \"/x\" \\\n}",
    ] {
        let conf = Conf::read(text.as_bytes());
        assert_eq!(conf.scripts, [], "{text:?}");
        assert_eq!(conf.script_security, None, "{text:?}");
        assert_eq!(conf.script_user, None, "{text:?}");
    }
}

#[test]
fn definitions_are_known_but_not_expanded() {
    let conf = Conf::read(b"$PORT=443\n$HOST = a\n$MANY= \\\n  x \\\n  y\n$1 = 2\n$no\n");
    for text in [
        "-q $PORT",
        "${PORT}",
        "$HOST",
        "$MANY",
        "$_PWD/x",
        "${_RANDOM 1}",
    ] {
        assert!(conf.is_defined(text.as_bytes()), "{text:?}");
    }
    for text in ["PORT", "$HOM", "$HOSTS", "$1", "$no", "$x", "", "$"] {
        assert!(!conf.is_defined(text.as_bytes()), "{text:?}");
    }
}

proptest! {
    #[test]
    fn whatever_a_file_has_in_it_something_is_made_of_it(text: Vec<u8>) {
        let conf = Conf::read(&text);
        let calls = conf.scripts.iter().map(|script| script.calls.len()).sum::<usize>();
        prop_assert!(calls <= text.len());
    }

    #[test]
    fn the_same_with_words_that_mean_something(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "vrrp_script", "script", "global_defs", "track_script", "script_user", "user",
                "include", "timeout", "interval", "$A=", "$A", "@id", "~SEQ", " ", "\n", "\r", "\t",
                "{", "}", "\"", "'", "\\", "!", "#", "x", "\0", "\u{e9}",
            ]),
            0..60,
        )
    ) {
        let text = parts.concat();
        let conf = Conf::read(text.as_bytes());
        let lines = text.split('\n').count();
        let calls = conf.scripts.iter().flat_map(|script| &script.calls);
        for call in calls {
            prop_assert!((1..=lines).contains(&call.line));
            prop_assert!(call.text.starts_with(b"script"));
        }
    }
}
