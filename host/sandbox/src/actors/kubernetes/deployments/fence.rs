//! `maxSurge` and `maxUnavailable`: numbers, or parts of the pods that are wanted (`ResolveFenceposts` of `deployment_util.go`).

use serde_json::Value;

/// Both, for so many pods. If both come to nothing, one pod may be unavailable, so that something can happen.
pub(super) fn resolve(surge: Option<&Value>, unavailable: Option<&Value>, replicas: i64) -> (i64, i64) {
    let surge = scaled(surge, replicas, true);
    let unavailable = scaled(unavailable, replicas, false);
    (surge, if surge == 0 && unavailable == 0 { 1 } else { unavailable })
}

/// One of them. What is not said is a quarter, as the default is.
pub(super) fn scaled(value: Option<&Value>, replicas: i64, up: bool) -> i64 {
    let percent = match value {
        Some(Value::Number(number)) => return number.as_i64().unwrap_or_default(),
        Some(Value::String(text)) => text.trim_end_matches('%').parse().unwrap_or_default(),
        _ => 25,
    };
    let hundredths = replicas.saturating_mul(percent);
    let part = hundredths.div_euclid(100) + i64::from(up && hundredths.rem_euclid(100) > 0);
    // Numbers of pods have 32 bits, whatever the percentage.
    part.min(i64::from(i32::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// From `TestResolveFenceposts`.
    #[test]
    fn parts_are_rounded_so_that_something_can_happen() {
        for (surge, unavailable, replicas, expected) in [
            (json!("0%"), json!("0%"), 0, (0, 1)),
            (json!("39%"), json!("39%"), 10, (4, 3)),
            (json!("50%"), json!(0), 10, (5, 0)),
            (json!(0), json!("1%"), 2, (0, 1)),
            (Value::Null, Value::Null, 10, (3, 2)),
            (Value::Null, Value::Null, 1, (1, 0)),
            (json!("9223372036854775807%"), json!(0), 10, (i64::from(i32::MAX), 0)),
        ] {
            let said = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
            assert_eq!(resolve(said(&surge).as_ref(), said(&unavailable).as_ref(), replicas), expected);
        }
    }
}
