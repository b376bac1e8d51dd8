//! Draws what checks cost over the number of sockets, both axes logarithmic, as SVG to stdout.
//!
//! Standard input has lines of tab-separated figures: sockets, microseconds, label. Lines with the
//! same label are one curve.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fmt::Write as _;
use std::io::Read;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 460.0;
/// The plot within the picture; labels of the curves stand on its right.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 410.0;
/// Of the axes, in powers of ten: sockets, where 0 is drawn as 1,000, and microseconds.
const SOCKETS: (f64, f64) = (3.0, 6.0);
const MICROSECONDS: (f64, f64) = (2.0, 8.0);
const COLOURS: [&str; 10] = [
    "#0b6e4f", "#c1121f", "#1d4e89", "#e09f3e", "#6a4c93", "#444444", "#00a6a6", "#b5838d",
    "#7a4419", "#d81b60",
];

type Curve = (String, Vec<(f64, f64)>);

fn x(sockets: f64) -> f64 {
    let part = (sockets.max(1000.0).log10() - SOCKETS.0) / (SOCKETS.1 - SOCKETS.0);
    LEFT + part * (RIGHT - LEFT)
}

fn y(microseconds: f64) -> f64 {
    let part =
        (microseconds.max(100.0).log10() - MICROSECONDS.0) / (MICROSECONDS.1 - MICROSECONDS.0);
    BOTTOM - part * (BOTTOM - TOP)
}

fn curves(text: &str) -> Result<Vec<Curve>, Box<dyn Error>> {
    let mut curves: Vec<Curve> = Vec::new();
    for line in text.lines() {
        let [sockets, time, label] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("not three columns: {line}").into());
        };
        let point = (sockets.parse()?, time.parse()?);
        match curves.iter_mut().find(|(known, _)| known == label) {
            Some((_, points)) => points.push(point),
            None => curves.push((label.to_owned(), vec![point])),
        }
    }
    Ok(curves)
}

fn axes(svg: &mut String) -> std::fmt::Result {
    for (sockets, label) in [
        (0.0, "0"),
        (1e4, "10,000"),
        (1e5, "100,000"),
        (1e6, "1,000,000"),
    ] {
        let at = x(sockets);
        writeln!(svg, r##"<path d="M{at} {TOP}V{BOTTOM}" stroke="#ddd"/>"##)?;
        writeln!(
            svg,
            r#"<text x="{at}" y="430" text-anchor="middle">{label}</text>"#
        )?;
    }
    for (time, label) in [
        (1e2, "0.1 ms"),
        (1e3, "1 ms"),
        (1e4, "10 ms"),
        (1e5, "0.1 s"),
        (1e6, "1 s"),
        (1e7, "10 s"),
        (1e8, "100 s"),
    ] {
        let at = y(time);
        writeln!(svg, r##"<path d="M{LEFT} {at}H{RIGHT}" stroke="#ddd"/>"##)?;
        writeln!(
            svg,
            r#"<text x="62" y="{}" text-anchor="end">{label}</text>"#,
            at + 4.0
        )?;
    }
    let middle = (LEFT + RIGHT) / 2.0;
    writeln!(
        svg,
        r#"<text x="{middle}" y="450" text-anchor="middle">TCP sockets on the host</text>"#
    )?;
    writeln!(
        svg,
        r#"<text x="{LEFT}" y="24">Time of a whole check (median)</text>"#
    )
}

fn draw(curves: &[Curve]) -> Result<String, std::fmt::Error> {
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">"#
    )?;
    writeln!(
        svg,
        r##"<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>"##
    )?;
    axes(&mut svg)?;
    let mut by_end: Vec<&Curve> = curves.iter().collect();
    let end = |curve: &Curve| curve.1.last().map_or(0.0, |point| y(point.1));
    by_end.sort_by(|one, other| end(one).total_cmp(&end(other)));
    let mut label_at = TOP - 20.0;
    for (curve, colour) in by_end.iter().zip(COLOURS.iter().cycle()) {
        let points: Vec<String> = curve
            .1
            .iter()
            .map(|&(sockets, time)| format!("{:.1},{:.1}", x(sockets), y(time)))
            .collect();
        writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2.5"/>"#,
            points.join(" ")
        )?;
        // Beside the end of the curve, below the label before.
        label_at = end(curve).max(label_at + 17.0);
        let name = curve.0.replace('&', "&amp;").replace('<', "&lt;");
        writeln!(
            svg,
            r#"<text x="{}" y="{:.1}" fill="{colour}">{name}</text>"#,
            RIGHT + 10.0,
            label_at + 4.0
        )?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    print!("{}", draw(&curves(&text)?)?);
    Ok(())
}
