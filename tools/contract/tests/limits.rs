//! The numbers of the hand-over's text are those of the code and of the template.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use contract::handover::Limit;
use core_api::{CORE_TIMEOUT_IN_REQUEST, CORE_TIMEOUT_WHILE_FAILING};
use domain::{IPN_BUDGET, LOOK_UP_FROM_FAILURE};
use tiki_api::{TIKI_ANSWER_TIMEOUT, TIKI_ANSWER_TIMEOUT_IN_REQUEST};

fn value(name: &str) -> u64 {
    Limit::named(name).unwrap().value.parse().unwrap()
}

#[test]
fn the_limits_are_those_of_the_code() {
    for (name, limit) in [
        ("core-timeout", CORE_TIMEOUT_IN_REQUEST),
        ("core-timeout-while-failing", CORE_TIMEOUT_WHILE_FAILING),
        ("tiki-timeout", TIKI_ANSWER_TIMEOUT),
        ("tiki-timeout-in-request", TIKI_ANSWER_TIMEOUT_IN_REQUEST),
    ] {
        assert_eq!(Duration::from_secs(value(name)), limit, "{name}");
    }
    let (tries, from) = (u64::from(IPN_BUDGET), u64::from(LOOK_UP_FROM_FAILURE));
    assert_eq!(value("ipn-tries"), tries);
    assert_eq!(value("look-up-from-failure"), from);
}

#[test]
fn the_time_of_each_function_is_that_of_the_template() {
    let template = include_str!("../../../template.yaml");
    for (name, function) in [
        ("create-timeout", "CreateTransactionFunction"),
        ("check-timeout", "CheckTransactionFunction"),
        ("refund-timeout", "RefundTransactionFunction"),
        ("reconciliation-timeout", "CheckReconciliationFunction"),
    ] {
        let (_, own) = template.split_once(&format!("\n  {function}:\n")).unwrap();
        let (_, timeout) = own.split_once("\n      Timeout: ").unwrap();
        let timeout = timeout.lines().next().unwrap();
        assert_eq!(timeout, value(name).to_string(), "{function}");
    }
}
