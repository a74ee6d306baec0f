//! The invented API: its operations, how often each kind of caller uses them, how fast and how well they answer.
//! `openapi.yaml` describes the same operations; a test compares the two.

/// One operation.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) template: &'static str,
    pub(super) sends: Sends,
    pub(super) answers: Answers,
    /// The status of a success.
    pub(super) success: u16,
    /// Median milliseconds to the first byte of the answer.
    pub(super) median_ms: f64,
    /// The status of a refusal, and how often in 10,000 calls it comes.
    pub(super) refusal: (u16, u32),
    /// Relative frequency for web, mobile, partner, batch and CI callers.
    pub(super) share: [u32; 5],
}

/// What the request body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sends {
    Nothing,
    CartItem,
    Checkout,
    Payment,
    Refund,
    Order,
    Status,
    Person,
    /// A form with a password.
    Login,
    /// A multipart upload.
    Document,
    /// Telemetry, gzip-compressed.
    Events,
    Stock,
    Hook,
    Products,
}

/// What the body of a success is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answers {
    Nothing,
    Product,
    Products,
    Names,
    Cart,
    Order,
    Orders,
    Payment,
    Person,
    Addresses,
    Session,
    Notices,
    Stock,
    Shipment,
    Sales,
    Customers,
    Health,
    Receipt,
    /// Customers by the thousand: the stolen export.
    AllCustomers,
    /// What a forgotten debug page shows.
    Debug,
}

/// Builds one row of the table; the refusal and the shares follow by the two builders below.
const fn operation(
    method: &'static str,
    template: &'static str,
    sends: Sends,
    answers: Answers,
    median_ms: f64,
) -> Operation {
    let success = match (method.as_bytes(), answers) {
        (b"POST", Answers::Order | Answers::Payment) => 201,
        (_, Answers::Receipt) => 202,
        (_, Answers::Nothing) => 204,
        _ => 200,
    };
    Operation {
        method,
        template,
        sends,
        answers,
        success,
        median_ms,
        refusal: (404, 60),
        share: [0; 5],
    }
}

impl Operation {
    const fn refuses(mut self, status: u16, in_ten_thousand: u32) -> Self {
        self.refusal = (status, in_ten_thousand);
        self
    }

    const fn used(mut self, share: [u32; 5]) -> Self {
        self.share = share;
        self
    }
}

/// The documented operations that are in use.
#[rustfmt::skip]
pub(super) const OPERATIONS: &[Operation] = &[
    operation("GET", "/v1/products", Sends::Nothing, Answers::Products, 22.0).used([16, 14, 12, 4, 10]),
    operation("GET", "/v1/products/{product_id}", Sends::Nothing, Answers::Product, 11.0).refuses(404, 150).used([26, 24, 30, 12, 12]),
    operation("GET", "/v1/search", Sends::Nothing, Answers::Products, 48.0).refuses(400, 90).used([12, 12, 2, 0, 4]),
    operation("GET", "/v1/categories", Sends::Nothing, Answers::Names, 6.0).refuses(404, 5).used([5, 4, 2, 0, 4]),
    operation("GET", "/v1/cart", Sends::Nothing, Answers::Cart, 14.0).used([10, 8, 0, 0, 3]),
    operation("POST", "/v1/cart/items", Sends::CartItem, Answers::Cart, 25.0).refuses(422, 160).used([7, 6, 0, 0, 4]),
    operation("DELETE", "/v1/cart/items/{item_id}", Sends::Nothing, Answers::Nothing, 18.0).refuses(404, 200).used([2, 2, 0, 0, 1]),
    operation("POST", "/v1/checkout", Sends::Checkout, Answers::Order, 140.0).refuses(422, 250).used([2, 2, 0, 0, 3]),
    operation("POST", "/v1/payments", Sends::Payment, Answers::Payment, 210.0).refuses(402, 220).used([4, 4, 6, 0, 3]),
    operation("GET", "/v1/payments/{payment_id}", Sends::Nothing, Answers::Payment, 19.0).used([1, 1, 5, 6, 2]),
    operation("POST", "/v1/refunds", Sends::Refund, Answers::Payment, 160.0).refuses(409, 300).used([0, 0, 1, 1, 1]),
    operation("GET", "/v1/orders", Sends::Nothing, Answers::Orders, 33.0).used([4, 4, 9, 5, 3]),
    operation("GET", "/v1/orders/{order_id}", Sends::Nothing, Answers::Order, 16.0).refuses(404, 120).used([5, 6, 14, 14, 4]),
    operation("POST", "/v1/orders", Sends::Order, Answers::Order, 90.0).refuses(422, 200).used([0, 0, 6, 2, 4]),
    operation("PATCH", "/v1/orders/{order_id}", Sends::Status, Answers::Order, 60.0).refuses(409, 180).used([0, 0, 3, 6, 2]),
    operation("GET", "/v1/users/{user_id}", Sends::Nothing, Answers::Person, 12.0).refuses(403, 40).used([3, 4, 0, 6, 3]),
    operation("PUT", "/v1/users/{user_id}", Sends::Person, Answers::Person, 45.0).refuses(422, 220).used([1, 1, 0, 0, 2]),
    operation("GET", "/v1/users/{user_id}/addresses", Sends::Nothing, Answers::Addresses, 15.0).used([2, 2, 0, 3, 1]),
    operation("POST", "/v1/users/{user_id}/documents", Sends::Document, Answers::Receipt, 120.0).refuses(413, 120).used([1, 1, 0, 0, 1]),
    operation("GET", "/v1/profile", Sends::Nothing, Answers::Person, 10.0).refuses(404, 5).used([6, 8, 0, 0, 2]),
    operation("POST", "/v1/login", Sends::Login, Answers::Session, 95.0).refuses(401, 800).used([3, 2, 0, 0, 4]),
    operation("POST", "/v1/logout", Sends::Nothing, Answers::Nothing, 9.0).refuses(404, 5).used([1, 1, 0, 0, 1]),
    operation("GET", "/v1/notifications", Sends::Nothing, Answers::Notices, 13.0).refuses(404, 5).used([5, 10, 0, 0, 1]),
    operation("POST", "/v1/events", Sends::Events, Answers::Receipt, 7.0).refuses(400, 30).used([2, 12, 0, 0, 1]),
    operation("GET", "/v1/inventory/{sku}", Sends::Nothing, Answers::Stock, 9.0).refuses(404, 200).used([1, 1, 12, 20, 6]),
    operation("PUT", "/v1/inventory/{sku}", Sends::Stock, Answers::Stock, 28.0).refuses(409, 90).used([0, 0, 5, 14, 3]),
    operation("GET", "/v1/shipments/{shipment_id}", Sends::Nothing, Answers::Shipment, 20.0).used([2, 2, 5, 3, 2]),
    operation("POST", "/v1/webhooks", Sends::Hook, Answers::Receipt, 35.0).refuses(422, 150).used([0, 0, 1, 0, 1]),
    operation("GET", "/v1/reports/sales", Sends::Nothing, Answers::Sales, 380.0).refuses(403, 60).used([0, 0, 2, 2, 0]),
    operation("GET", "/v1/exports/customers", Sends::Nothing, Answers::Customers, 260.0).refuses(403, 80).used([0, 0, 2, 3, 0]),
    operation("POST", "/v1/imports/products", Sends::Products, Answers::Receipt, 190.0).refuses(422, 200).used([0, 0, 1, 3, 1]),
    operation("GET", "/v1/health", Sends::Nothing, Answers::Health, 1.5).refuses(404, 0).used([0, 0, 1, 1, 12]),
    operation("GET", "/v1/legacy/orders", Sends::Nothing, Answers::Orders, 75.0).used([0, 0, 1, 0, 0]),
];

/// The stolen export: the documented operation, another answer.
pub(super) const STOLEN_EXPORT: Operation = operation(
    "GET",
    "/v1/exports/customers",
    Sends::Nothing,
    Answers::AllCustomers,
    900.0,
);

/// An endpoint nobody documented, live since the evening.
pub(super) const SHADOW: Operation = operation(
    "GET",
    "/v1/internal/debug/users",
    Sends::Nothing,
    Answers::Debug,
    30.0,
);

/// The operation of a method and a template; the callers name operations of the table above.
pub(super) fn find(method: &str, template: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .find(|operation| operation.method == method && operation.template == template)
}
