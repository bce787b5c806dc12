//! A played-through ramp as a picture: SVG, readable on light and on dark, and by a screen reader.

use std::fmt::Write as _;

use rollout::simulate::Run;

use super::words::{bytes, count, devices};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 600.0;
const LEFT: f64 = 96.0;
const RIGHT: f64 = 24.0;
/// How much of a plan there is room for, in characters of about ten units.
const HEADING: usize = 48;

/// Colours have enough contrast on both grounds; lines differ in more than colour. No variables: not
/// every viewer of pictures knows them.
const STYLE: &str = "\
text{fill:#1c2024;font:14px system-ui,sans-serif}.head{font-size:18px;font-weight:600}.ground{fill:#fff}\
.grid{stroke:#d5d9de;fill:none}.turn,.have,.peak{fill:none;stroke-width:2.5}\
.turn,.peak{stroke:#0a5cc2}.turn{stroke-dasharray:8 4}.peak{stroke-dasharray:2 3}.have{stroke:#b3440a}\
.mean{fill:#b3440a}.turn-name{fill:#0a5cc2}.have-name{fill:#b3440a}\
@media(prefers-color-scheme:dark){text{fill:#eceef0}.ground{fill:#16191d}.grid{stroke:#3d444c}\
.turn,.peak{stroke:#7ab8ff}.have{stroke:#ffa36b}.mean{fill:#ffa36b}.turn-name{fill:#7ab8ff}.have-name{fill:#ffa36b}}";

/// One of the two charts: where it is, and what its top stands for.
struct Panel {
    top: f64,
    height: f64,
    most: f64,
    hours: f64,
}

impl Panel {
    fn x(&self, hour: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * hour / self.hours
    }

    fn y(&self, value: f64) -> f64 {
        self.top + self.height * (1.0 - value / self.most)
    }
}

/// The picture. `plan` is the plan as it was written.
pub(crate) fn svg(run: &Run, plan: &str) -> String {
    let hours = f64::from(u32::try_from(run.hours.len()).unwrap_or(u32::MAX).max(1));
    let peak = run
        .hours
        .iter()
        .fold(0.0, |most: f64, hour| most.max(hour.peak_bytes_per_second));
    let fleet = Panel {
        top: 64.0,
        height: 260.0,
        most: f64::from(run.devices.max(1)),
        hours,
    };
    let host = Panel {
        top: 400.0,
        height: 140.0,
        most: peak.max(1.0),
        hours,
    };
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = head(&mut text, run, plan, peak);
    let _ = fleet_lines(&mut text, &fleet, run);
    let _ = host_lines(&mut text, &host, run);
    let _ = hour_names(&mut text, &host);
    text.push_str("</svg>\n");
    text
}

fn head(out: &mut String, run: &Run, plan: &str, peak: f64) -> std::fmt::Result {
    let devices = devices(run.devices.into());
    let last = run.hours.last();
    let staged = count(last.map_or(0, |hour| hour.staged).into());
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"title what\">\n\
         <title id=\"title\">Rollout {plan} to {devices}</title>\n\
         <desc id=\"what\">Two charts over {hours} hours. Above: how many devices may have the version, and how many \
         have it; {staged} have it at the end. Below: bytes a second from the host, at most {peak} in the busiest minute.</desc>\n\
         <style>{STYLE}</style>\n<rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"head\" x=\"{LEFT}\" y=\"34\">Rollout {short} to {devices}</text>\n",
        hours = run.hours.len(),
        peak = rate(peak),
        plan = escape(plan),
        short = escape(&short(plan)),
    )
}

/// A plan that fits above the picture: its first batches, and how many there are.
fn short(plan: &str) -> String {
    if plan.len() <= HEADING {
        return plan.to_owned();
    }
    let mut text = String::new();
    for batch in plan.split(',') {
        if text.len() + batch.len() > HEADING {
            break;
        }
        text.extend([batch, ","]);
    }
    format!("{text}… ({} batches)", plan.split(',').count())
}

fn fleet_lines(out: &mut String, panel: &Panel, run: &Run) -> std::fmt::Result {
    for percent in [0_u32, 25, 50, 75, 100] {
        let value = panel.most * f64::from(percent) / 100.0;
        grid(out, panel, value, &format!("{percent} %"))?;
    }
    let mut turn = String::new();
    let mut have = format!("M{:.1} {:.1}", panel.x(0.0), panel.y(0.0));
    for hour in &run.hours {
        let (from, to) = (f64::from(hour.hour), f64::from(hour.hour + 1));
        let height = panel.y(hour.eligible.into());
        let pen = if turn.is_empty() { 'M' } else { 'L' };
        write!(
            turn,
            "{pen}{:.1} {height:.1}H{:.1}",
            panel.x(from),
            panel.x(to)
        )?;
        write!(
            have,
            "L{:.1} {:.1}",
            panel.x(to),
            panel.y(hour.staged.into())
        )?;
    }
    let (left, y) = (LEFT + 8.0, panel.top - 8.0);
    write!(
        out,
        "<path class=\"turn\" d=\"{turn}\"/>\n<path class=\"have\" d=\"{have}\"/>\n\
         <text class=\"turn-name\" x=\"{left}\" y=\"{y}\">may have it (dashed)</text>\n\
         <text class=\"have-name\" x=\"{}\" y=\"{y}\">have it</text>\n",
        left + 170.0,
    )
}

fn host_lines(out: &mut String, panel: &Panel, run: &Run) -> std::fmt::Result {
    for part in [0.0, 0.5, 1.0] {
        let value = panel.most * part;
        grid(out, panel, value, &rate(value))?;
    }
    let mut peak = String::new();
    for hour in &run.hours {
        let (from, to) = (f64::from(hour.hour), f64::from(hour.hour + 1));
        let y = panel.y(hour.bytes_per_second);
        let (x, width) = (panel.x(from) + 1.0, panel.x(to) - panel.x(from) - 2.0);
        writeln!(
            out,
            "<rect class=\"mean\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            width.max(0.5),
            panel.y(0.0) - y,
        )?;
        let pen = if peak.is_empty() { 'M' } else { 'L' };
        let top = panel.y(hour.peak_bytes_per_second);
        write!(
            peak,
            "{pen}{:.1} {top:.1}H{:.1}",
            panel.x(from),
            panel.x(to)
        )?;
    }
    let (left, y) = (LEFT + 8.0, panel.top - 8.0);
    write!(
        out,
        "<path class=\"peak\" d=\"{peak}\"/>\n\
         <text class=\"have-name\" x=\"{left}\" y=\"{y}\">from the host, mean of the hour</text>\n\
         <text class=\"turn-name\" x=\"{}\" y=\"{y}\">busiest minute (dotted)</text>\n",
        left + 250.0,
    )
}

fn grid(out: &mut String, panel: &Panel, value: f64, name: &str) -> std::fmt::Result {
    let y = panel.y(value);
    writeln!(
        out,
        "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>",
        WIDTH - RIGHT,
        LEFT - 8.0,
        y + 5.0,
    )
}

/// At most a dozen names, at round hours.
fn hour_names(out: &mut String, panel: &Panel) -> std::fmt::Result {
    let steps = [1_u32, 2, 3, 6, 12, 24];
    let step = steps
        .into_iter()
        .find(|step| panel.hours / f64::from(*step) <= 12.0)
        .unwrap_or(24);
    let mut hour = 0;
    while f64::from(hour) <= panel.hours {
        writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{hour} h</text>",
            panel.x(hour.into()),
            panel.top + panel.height + 22.0,
        )?;
        hour += step;
    }
    Ok(())
}

/// `3.2 MB/s`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and far below 2^64"
)]
pub(crate) fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", bytes(bytes_per_second.round() as u64))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rollout::simulate::Model;

    #[test]
    fn it_is_the_same_picture_every_time() {
        let plan = "30%,30%@2h,40%@4h";
        let model = Model {
            devices: 1_000,
            version: "1.0.0".parse().unwrap(),
            plan: rollout::ramp::parse_plan(plan).unwrap(),
            every: 1_800,
            size: 20_000_000,
            hours: None,
        };
        insta::assert_snapshot!(svg(&model.run(), plan));
    }

    #[test]
    fn a_long_plan_is_cut_where_it_is_drawn_and_named_in_full() {
        assert_eq!(short("30%,70%@2h"), "30%,70%@2h");
        let all: Vec<_> = (0..12).map(|n| format!("8%@{n}h30m")).collect();
        let cut = short(&all.join(","));
        assert!(cut.len() < HEADING + 20, "{cut}");
        assert!(
            cut.starts_with("8%@0h30m,") && cut.ends_with(",… (12 batches)"),
            "{cut}"
        );
        let one = Run {
            devices: 1,
            download_seconds: 1,
            hours: Vec::new(),
        };
        let drawn = svg(&one, &all.join(","));
        let title = format!(
            "<title id=\"title\">Rollout {} to 1 device</title>",
            all.join(",")
        );
        assert!(drawn.contains(&title), "{drawn}");
    }

    #[test]
    fn an_empty_fleet_is_drawn_too() {
        let run = Run {
            devices: 0,
            download_seconds: 1,
            hours: Vec::new(),
        };
        let drawn = svg(&run, "<&>");
        assert!(
            drawn.contains("&lt;&amp;&gt;") && !drawn.contains("NaN"),
            "{drawn}"
        );
    }
}
