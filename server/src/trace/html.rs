//! A way as a page that needs nothing else: a drawing of lanes and arrows.

use super::way::{Lane, Way};
use std::fmt::Write;

const LANE: usize = 110;
const ROW: usize = 24;
const LEFT: usize = 90;
const TOP: usize = 40;

impl Way {
    /// The sequence diagram as a page.
    pub(crate) fn html(&self) -> String {
        let title = escaped(&format!("pod {}", self.pod));
        let lanes = LEFT + (Lane::ALL.len() - 1) * LANE;
        let height = TOP + (self.steps.len() + 1) * ROW;
        let width = lanes + 720;
        let mut out = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
             <style>body{{font:14px sans-serif}}text{{font:12px monospace}}\
             .l{{stroke:#bbb}}.a{{stroke:#1a56b0;stroke-width:1.5}}</style>\
             <h1>{title}</h1><p>uid {}</p>\
             <svg width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{title}\">\
             <defs><marker id=\"m\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"4\" \
             orient=\"auto\"><path d=\"M0,0 L8,4 L0,8 z\" fill=\"#1a56b0\"/></marker></defs>",
            escaped(&self.uid)
        );
        for lane in Lane::ALL {
            let x = place(lane);
            let _ = write!(
                out,
                "<text x=\"{x}\" y=\"20\" text-anchor=\"middle\">{}</text>\
                 <line class=\"l\" x1=\"{x}\" y1=\"28\" x2=\"{x}\" y2=\"{height}\"/>",
                lane.title()
            );
        }
        let first = self.steps.first().map_or(0, |step| step.at.0);
        for (index, step) in self.steps.iter().enumerate() {
            let y = TOP + index * ROW + ROW / 2;
            let passed = (step.at.0 - first) as f64 / 1000.0;
            let _ = write!(
                out,
                "<text x=\"4\" y=\"{}\">{passed:.3}</text>\
                 <line class=\"a\" x1=\"{}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" marker-end=\"url(#m)\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                y + 4,
                place(step.from),
                place(step.to),
                lanes + 20,
                y + 4,
                escaped(&step.label)
            );
        }
        let _ = write!(out, "</svg><p>{}</p></html>", escaped(&self.end));
        out
    }
}

fn place(lane: Lane) -> usize {
    LEFT + lane as usize * LANE
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
