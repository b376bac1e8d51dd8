//! Recognizes the template of a configuration, such as one of Ansible, Helm or Puppet.

use super::comment::skip_blanks;
use super::words::{is_command, lossy};

/// Returns the line and the text of the first placeholder that only the program which renders the template understands.
/// What is in double quotes or in a command can be for another program, such as `docker --format`.
pub(super) fn placeholder(text: &[u8]) -> Option<(usize, String)> {
    let lines = text.split(|byte| *byte == b'\n');
    (1..).zip(lines).find_map(|(number, line)| {
        let is_code = line.contains(&b'{') || line.contains(&b'<');
        if !is_code || is_command(skip_blanks(line)) {
            return None;
        }
        let line = lossy(line);
        let unquoted: String = line.split('"').step_by(2).collect();
        let code = unquoted.split('#').next().unwrap_or_default();
        let found = |(opens, closes): (&str, &str)| {
            let (_, rest) = code.split_once(opens)?;
            let (inner, _) = rest.split_once(closes)?;
            Some((number, format!("{opens}{inner}{closes}")))
        };
        [("{{", "}}"), ("{%", "%}"), ("<%", "%>")]
            .into_iter()
            .find_map(found)
    })
}

#[cfg(test)]
mod tests {
    use super::placeholder;

    #[test]
    fn template_placeholders_are_found() {
        for (text, expected) in [
            ("priority {{ prio }}\n", Some((1, "{{ prio }}"))),
            ("x\n{% if a %}\n", Some((2, "{% if a %}"))),
            ("<%= @x %>", Some((1, "<%= @x %>"))),
            ("# {{ managed }}\n", None),
            ("script \"docker inspect -f '{{.State}}' x\"\n", None),
            ("auth_pass \"{{x}}\"\n", None),
            ("a {{\n}}\n", None),
            ("", None),
        ] {
            let expected = expected.map(|(line, sample)| (line, sample.to_owned()));
            assert_eq!(placeholder(text.as_bytes()), expected, "{text}");
        }
    }
}
