//! Who calls, as AWS says it.

use api::{ApiError, Inbound};
use domain::{BadPrincipal, OperatorName, OperatorReason, OperatorWord, Principal};
use json_fields::InvalidField;
use signing::SignatureRefusal;

use crate::trail;

/// A person, or a program that acts for one.
pub(crate) struct Caller {
    name: OperatorName,
}

impl Caller {
    /// Reads the identity that API Gateway has authenticated. Without one a route was deployed without its authorisation, and
    /// then nobody may do anything.
    pub(crate) fn of(request: &Inbound) -> Result<Self, ApiError> {
        let nobody = ApiError::Signature(SignatureRefusal::Missing("Authorization"));
        let caller = request.iam_caller.as_ref().ok_or(nobody)?;
        let refused = |problem: &str| {
            trail::refused(request, &caller.arn, problem);
            ApiError::Invalid(InvalidField::field("your role", problem))
        };
        // `arn:aws:sts::123456789012:assumed-role/tikivip-operator/lan`
        let resource = caller.arn.splitn(6, ':').nth(5).unwrap_or_default();
        let principal: Principal = resource
            .parse()
            .map_err(|problem: BadPrincipal| refused(&problem.to_string()))?;
        if caller.account != caller.api_account {
            return Err(refused("is of another AWS account"));
        }
        Ok(Self {
            name: principal.name().clone(),
        })
    }

    /// The name in the audit trail.
    pub(crate) fn name(&self) -> &OperatorName {
        &self.name
    }

    /// What this person says.
    pub(crate) fn word(&self, reason: OperatorReason) -> OperatorWord {
        OperatorWord {
            by: self.name.clone(),
            reason,
        }
    }
}
