//! Functions of one number.

pub(super) type NumberFunction = fn(f64) -> f64;

/// The function of that name, if it takes an instant vector and nothing else, element by element.
pub(super) fn function(name: &str) -> Option<NumberFunction> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        // Zero and NaN stay what they are, which `signum` does not do.
        "sgn" => |value| match value {
            _ if value > 0.0 => 1.0,
            _ if value < 0.0 => -1.0,
            _ => value,
        },
        _ => return None,
    })
}

/// To the nearest multiple, halves upwards.
pub(super) fn round(value: f64, to_nearest: f64) -> f64 {
    let inverse = 1.0 / to_nearest; // As Prometheus: dividing would round differently.
    (value * inverse + 0.5).floor() / inverse
}
