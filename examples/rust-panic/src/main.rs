//! A panic, kept with its stack, tags and breadcrumbs. The program ends as it would without Crashvault: status 101.
//!
//! ```text
//! cargo run -p rust-panic; cargo run -p crashvault-cli -- list
//! ```

struct Cart {
    prices: Vec<u32>,
}

impl Cart {
    fn price_of(&self, index: usize) -> u32 {
        self.prices[index]
    }
}

fn checkout(cart: &Cart) -> u32 {
    crashvault::breadcrumb("checkout", "adding up the cart");
    cart.price_of(7)
}

fn main() {
    crashvault::options()
        .release(crashvault::release!())
        .install();
    crashvault::set_tag("shop", "north");
    let cart = Cart {
        prices: vec![12, 30],
    };
    println!("to pay: {}", checkout(&cart));
}
