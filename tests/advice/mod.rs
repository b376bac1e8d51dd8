//! A configuration for each code of the doctor, and the fix of the finding as an edit.

mod audit;
mod command;
mod reading;
mod tracking;
mod values;

use std::path::Path;

pub use audit::audit;
pub use command::commands;
pub use reading::reading;
pub use tracking::tracking;
pub use values::blocks;

/// A configuration that is as it should be.
pub const GOOD: &str = "\
global_defs {
 enable_script_security
 script_user root
}
vrrp_script chk {
 script \"FOLDER/listenup check -q 443\"
 interval 1
 fall 2
}
vrrp_instance gateway {
 state BACKUP
 interface to-e0
 virtual_router_id 51
 priority 100
 virtual_ipaddress {
  192.0.2.100/24
 }
 track_script {
  chk
 }
}
";

/// The same with a real server.
pub const SERVER: &str = "\
global_defs {
 enable_script_security
 script_user root
}
virtual_server 192.0.2.100 443 {
 delay_loop 1
 lb_algo rr
 lb_kind NAT
 protocol TCP
 real_server 127.0.0.1 443 {
  weight 1
  MISC_CHECK {
   misc_path \"FOLDER/listenup check -q 443\"
   misc_timeout 1
  }
 }
}
";

/// The same with a track_file.
pub const FILE: &str = "\
global_defs {
 enable_script_security
 script_user root
}
track_file tf {
 file FOLDER/track
 weight 0
}
vrrp_instance gateway {
 state BACKUP
 interface to-e0
 virtual_router_id 51
 priority 100
 virtual_ipaddress {
  192.0.2.100/24
 }
 track_file {
  tf
 }
}
";

/// How the fixed configuration is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By a keepalived that runs.
    Runs,
    /// By a keepalived that runs; it has no check.
    NoCheck,
    /// By `keepalived -t`.
    Tests,
    /// By the doctor alone: the installed keepalived is another version than the finding is about.
    Read,
}

/// The fix of a finding, as it is applied.
#[derive(Clone, Debug)]
pub struct Fix {
    /// A part of its text.
    pub says: &'static str,
    /// Edits of the configuration.
    pub edits: Vec<(String, String)>,
    /// The text that the whole fix replaces.
    pub line: Option<&'static str>,
    /// The part of its text that is executed.
    pub executes: Option<&'static str>,
    /// What else it says.
    pub after: fn(&Path),
    /// It depends on more than the configuration.
    pub is_local: bool,
    /// It only looks something up, so the finding stays.
    pub looks_up: bool,
}

/// A code, a configuration that has it, and its fix.
#[derive(Clone, Debug)]
pub struct Row {
    pub code: &'static str,
    pub broken: String,
    /// What is there.
    pub before: fn(&Path),
    /// The doctor's arguments, before and after.
    pub words: (String, Option<String>),
    /// What is mounted over what.
    pub hidden: Option<(&'static str, &'static str)>,
    pub kind: Kind,
    pub fix: Option<Fix>,
}

fn nothing(_: &Path) {}

/// A row whose finding has no fix.
pub fn row(code: &'static str, base: &str, edits: &[(&str, &str)]) -> Row {
    let broken = edits.iter().fold(base.to_owned(), |conf, (old, new)| {
        assert!(conf.contains(old), "{code}: no {old:?}");
        conf.replacen(old, new, 1)
    });
    Row {
        code,
        broken,
        before: nothing,
        words: (String::new(), None),
        hidden: None,
        kind: Kind::Runs,
        fix: None,
    }
}

impl Row {
    /// The fix says this, and is this edit.
    pub fn fix(mut self, says: &'static str, edits: &[(&str, &str)]) -> Self {
        let edits = edits
            .iter()
            .map(|(old, new)| ((*old).to_owned(), (*new).to_owned()));
        self.fix = Some(Fix {
            says,
            edits: edits.collect(),
            line: None,
            executes: None,
            after: nothing,
            is_local: false,
            looks_up: false,
        });
        self
    }

    /// The fix says what to look up.
    pub fn looks_up(self, says: &'static str) -> Self {
        let mut row = self.fix(says, &[]);
        if let Some(fix) = &mut row.fix {
            fix.looks_up = true;
        }
        row
    }

    /// The fix is written in place of this text.
    pub fn fix_line(self, old: &'static str) -> Self {
        let mut row = self.fix("", &[]);
        if let Some(fix) = &mut row.fix {
            fix.line = Some(old);
        }
        row
    }

    /// The fix begins with this command, which is executed.
    pub fn fix_command(self, command: &'static str) -> Self {
        let mut row = self.fix("", &[]);
        if let Some(fix) = &mut row.fix {
            fix.executes = Some(command);
            fix.is_local = true;
        }
        row
    }

    pub fn before(mut self, before: fn(&Path)) -> Self {
        self.before = before;
        self
    }

    pub fn after(mut self, after: fn(&Path)) -> Self {
        if let Some(fix) = &mut self.fix {
            fix.after = after;
            fix.is_local = true;
        }
        self
    }

    pub fn words(mut self, words: &str) -> Self {
        words.clone_into(&mut self.words.0);
        self.kind = Kind::Read;
        self
    }

    pub fn words_after(mut self, words: &str) -> Self {
        self.words.1 = Some(words.to_owned());
        self
    }

    pub fn hidden(mut self, over: &'static str, what: &'static str) -> Self {
        self.hidden = Some((over, what));
        self.kind = Kind::Read;
        self
    }

    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }
}

/// All rows.
pub fn all() -> Vec<Row> {
    [reading(), blocks(), tracking(), audit(), commands()].concat()
}
