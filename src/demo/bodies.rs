//! Bodies of requests and answers: JSON mostly, with invented personal data where a shop's API has it.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use rand::{Rng, RngExt};
use serde_json::{Value, json};

use super::api::{Answers, Sends};
use super::people::{Person, alphanumeric, base32, choose, hex, owned_uuid, test_card, uuid};

/// A body and what it calls itself.
pub(super) struct Body {
    pub(super) content_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl Body {
    /// None at all.
    pub(super) const fn empty() -> Self {
        Self {
            content_type: "",
            bytes: Vec::new(),
        }
    }

    fn json(value: &Value) -> Self {
        Self {
            content_type: "application/json",
            bytes: value.to_string().into_bytes(),
        }
    }
}

/// The body of a request by `user`.
pub(super) fn request(sends: Sends, user: u32, rng: &mut impl Rng) -> Body {
    let person = Person::numbered(user);
    let value = match sends {
        Sends::Nothing => return Body::empty(),
        Sends::Login => return login_form(&person, rng),
        Sends::Document => return document(&person, rng),
        Sends::CartItem => {
            json!({"product_id": rng.random_range(1..5_000), "quantity": rng.random_range(1..4)})
        }
        Sends::Checkout => {
            json!({"cart_id": uuid(rng), "email": person.email, "shipping": {"name": person.name,
            "street": person.street, "city": "Springfield", "postal_code": "62704", "phone": person.phone}})
        }
        Sends::Payment => {
            json!({"order_id": uuid(rng), "amount": rng.random_range(500..90_000), "currency": "EUR",
            "card": {"number": test_card(rng), "expiry": "12/29", "cvv": "123", "holder": person.name}})
        }
        Sends::Refund => {
            json!({"payment_id": payment_id(rng), "amount": rng.random_range(500..9_000),
            "iban": "DE89370400440532013000", "reason": "damaged"})
        }
        Sends::Order => {
            json!({"customer": {"name": person.name, "email": person.email}, "lines": lines(rng)})
        }
        Sends::Status => json!({"status": choose(rng, &["packed", "shipped", "delivered"])}),
        Sends::Person => json!({"name": person.name, "email": person.email, "phone": person.phone,
            "date_of_birth": "1984-02-29", "ssn": "078-05-1120"}),
        Sends::Events => json!({"device": uuid(rng), "events": events(rng)}),
        Sends::Stock => json!({"on_hand": rng.random_range(0..900), "warehouse": "W1"}),
        Sends::Hook => {
            json!({"url": "https://partner.example.com/hooks/orders", "secret": alphanumeric(rng, 32)})
        }
        Sends::Products => Value::from(
            (0..rng.random_range(5..25))
                .map(|_| product(rng))
                .collect::<Vec<_>>(),
        ),
    };
    Body::json(&value)
}

/// The body of a success.
pub(super) fn answer(answers: Answers, user: u32, rng: &mut impl Rng) -> Body {
    let value = match answers {
        Answers::Nothing => return Body::empty(),
        Answers::Product => product(rng),
        Answers::Products => {
            json!({"total": rng.random_range(10..400), "items": several(rng, 3..9, product)})
        }
        Answers::Names => json!([
            "bottles",
            "headphones",
            "batteries",
            "lamps",
            "bags",
            "tools",
            "toys"
        ]),
        Answers::Cart => {
            json!({"id": owned_uuid(user, 99), "lines": lines(rng), "currency": "EUR"})
        }
        Answers::Order => order(user, rng),
        Answers::Orders => {
            json!({"items": several(rng, 1..5, |rng| order(user, rng)), "next": Value::Null})
        }
        Answers::Payment => {
            json!({"id": payment_id(rng), "status": "captured", "amount": rng.random_range(500..90_000),
            "card": {"brand": "visa", "last4": "1111", "token": format!("tok_{}", alphanumeric(rng, 24))}})
        }
        Answers::Person => person(user),
        Answers::Addresses => addresses(user),
        Answers::Session => {
            json!({"session": hex(rng, 32), "expires_in": 3_600, "user": person(user)})
        }
        Answers::Notices => {
            json!({"unread": rng.random_range(0..9), "items": several(rng, 0..6, notice)})
        }
        Answers::Stock => {
            json!({"on_hand": rng.random_range(0..900), "reserved": rng.random_range(0..30), "warehouse": "W1"})
        }
        Answers::Shipment => {
            json!({"id": uuid(rng), "carrier": "parcel", "tracking": alphanumeric(rng, 18),
            "to": {"city": "Springfield", "postal_code": "62704"}, "status": "in_transit"})
        }
        Answers::Sales => Value::from(
            (0..rng.random_range(24..60))
                .map(|_| sales_row(rng))
                .collect::<Vec<_>>(),
        ),
        Answers::Customers => customers(rng.random_range(40..160), rng),
        Answers::AllCustomers => customers(18_000, rng),
        Answers::Health => json!({"status": "ok"}),
        Answers::Receipt => json!({"accepted": true, "id": uuid(rng)}),
        Answers::Debug => {
            json!({"debug": true, "users": several(rng, 20..30, |rng| person(rng.random_range(1_000..9_000)))})
        }
    };
    Body::json(&value)
}

/// The body of an error; an incident prints what it should not.
pub(super) fn error(status: u16, leaks: bool, rng: &mut impl Rng) -> Body {
    let id = uuid(rng);
    let value = if leaks {
        json!({"error": "internal", "request_id": id, "trace": format!(
            "payment gateway: credentials rejected for AKIA{} while writing to s3://shop-receipts; \
             retrying through postgres://app_rw:{}@db-primary.internal:5432/shop",
            base32(rng, 16), alphanumeric(rng, 18))})
    } else {
        let word = match status {
            400 | 422 => "invalid",
            401 => "unauthorized",
            402 => "card_declined",
            403 => "forbidden",
            404 => "not_found",
            409 => "conflict",
            413 => "too_large",
            429 => "rate_limited",
            _ => "unavailable",
        };
        json!({"error": word, "request_id": id})
    };
    Body::json(&value)
}

/// gzip, as servers do it.
pub(super) fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

/// The id of a payment.
pub(super) fn payment_id(rng: &mut impl Rng) -> String {
    format!("pay_{}", alphanumeric(rng, 16))
}

fn login_form(person: &Person, rng: &mut impl Rng) -> Body {
    let user = person.email.replace('@', "%40");
    let form = format!(
        "username={user}&password={}&remember=1",
        alphanumeric(rng, 14)
    );
    Body {
        content_type: "application/x-www-form-urlencoded",
        bytes: form.into_bytes(),
    }
}

fn document(person: &Person, rng: &mut impl Rng) -> Body {
    let mut bytes = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nPassport of {}, call {}\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"scan.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n",
        person.name, person.phone
    )
    .into_bytes();
    bytes.extend_from_slice(&[0xff, 0xd8, 0xff, 0xe0]);
    bytes.extend((0..rng.random_range(2_000..9_000)).map(|_| rng.random::<u8>()));
    bytes.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
    Body {
        content_type: "multipart/form-data; boundary=shop-7f3a91c5",
        bytes,
    }
}

/// As in the content type of [`document`].
const BOUNDARY: &str = "shop-7f3a91c5";

fn several<R: Rng>(
    rng: &mut R,
    range: std::ops::Range<usize>,
    make: impl Fn(&mut R) -> Value,
) -> Vec<Value> {
    let count = rng.random_range(range);
    (0..count).map(|_| make(rng)).collect()
}

fn product(rng: &mut impl Rng) -> Value {
    let title = choose(rng, &TITLES);
    json!({"id": rng.random_range(1..5_000), "sku": format!("A-{:05}", rng.random_range(0..5_000)), "title": title,
        "price": f64::from(rng.random_range(199..19_900)) / 100.0, "stock": rng.random_range(0..200)})
}

fn lines(rng: &mut impl Rng) -> Value {
    Value::from(several(rng, 1..4, line))
}

fn line(rng: &mut impl Rng) -> Value {
    json!({"product_id": rng.random_range(0..5_000), "quantity": 1, "price": 19.99})
}

fn order(user: u32, rng: &mut impl Rng) -> Value {
    let who = Person::numbered(user);
    json!({"id": owned_uuid(user, rng.random_range(0..12)), "status": choose(rng, &["paid", "packed", "shipped"]),
        "email": who.email, "lines": lines(rng), "total": f64::from(rng.random_range(500..90_000)) / 100.0,
        "created_at": "2026-01-04T18:22:31Z"})
}

fn person(user: u32) -> Value {
    let who = Person::numbered(user);
    json!({"id": user, "name": who.name, "email": who.email, "phone": who.phone, "locale": "en-US", "vip": user.is_multiple_of(9)})
}

fn addresses(user: u32) -> Value {
    let who = Person::numbered(user);
    json!([{"name": who.name, "street": who.street, "city": "Springfield", "postal_code": "62704", "country": "US"}])
}

fn customers(count: u32, rng: &mut impl Rng) -> Value {
    let rows = (0..count).map(|_| person(rng.random_range(1_000..9_000)));
    json!({"customers": rows.collect::<Vec<_>>()})
}

fn notice(rng: &mut impl Rng) -> Value {
    json!({"id": uuid(rng), "kind": choose(rng, &["order", "offer", "account"]), "text": "Your order is on its way."})
}

fn sales_row(rng: &mut impl Rng) -> Value {
    json!({"day": "2026-01-04", "category": choose(rng, &["bottles", "headphones", "bags"]),
        "orders": rng.random_range(10..400), "revenue": rng.random_range(1_000..90_000)})
}

fn events(rng: &mut impl Rng) -> Value {
    Value::from(several(rng, 4..20, event))
}

fn event(rng: &mut impl Rng) -> Value {
    json!({"name": "view", "at": 1_767_571_200 + rng.random_range(0..86_400), "screen": "product"})
}

const TITLES: [&str; 6] = [
    "Stainless steel bottle 750 ml",
    "Noise cancelling headphones",
    "AA batteries (pack of 4)",
    "Desk lamp with dimmer",
    "Canvas travel bag",
    "Cordless screwdriver",
];
