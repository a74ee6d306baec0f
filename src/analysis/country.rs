//! The public country cells: every code of ISO 3166-1 and `unknown`, rendered whether or not anyone comes from there.

use crate::observation::Country;

/// The 249 officially assigned alpha-2 codes of ISO 3166-1, in order.
pub const ISO: [&str; 249] = [
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ",
    "BA", "BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS",
    "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN",
    "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE",
    "EG", "EH", "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF",
    "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM",
    "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM",
    "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC",
    "LI", "LK", "LR", "LS", "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK",
    "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA",
    "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG",
    "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW",
    "SA", "SB", "SC", "SD", "SE", "SG", "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS",
    "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK", "TL", "TM", "TN", "TO",
    "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI",
    "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
];

/// The number of country cells: [`ISO`] and `unknown`, which is last.
pub const CELLS: usize = ISO.len() + 1;

/// The cell of a country; what is not on the list is `unknown`.
pub fn cell(country: Country) -> usize {
    if country == Country::UNKNOWN {
        return ISO.len();
    }
    ISO.binary_search(&country.code()).unwrap_or(ISO.len())
}

/// The label value of a cell.
pub fn label(cell: usize) -> &'static str {
    ISO.get(cell).copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_code_finds_itself() {
        assert!(ISO.is_sorted_by(|a, b| a < b));
        for (index, code) in ISO.iter().enumerate() {
            assert_eq!(cell(Country::from_code(code)), index);
            assert_eq!(label(index), *code);
        }
    }

    #[test]
    fn everything_else_is_unknown() {
        for code in ["XK", "ZZ", "EU", "", "DEU"] {
            assert_eq!(label(cell(Country::from_code(code))), "unknown");
        }
        assert_eq!(cell(Country::UNKNOWN), CELLS - 1);
    }
}
