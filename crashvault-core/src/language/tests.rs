use super::*;

fn frame(function: &str, module: &str, file: &str, package: &str) -> Frame {
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Frame {
        function: known(function),
        module: known(module),
        filename: known(file),
        package: known(package),
        ..Frame::default()
    }
}

/// A frame as `function|module|file|package`, what is not known left out.
#[track_caller]
fn check(platform: &str, text: &str, expected: bool) {
    check_with(&InAppRules::default(), platform, text, expected);
}

#[track_caller]
fn check_with(rules: &InAppRules, platform: &str, text: &str, expected: bool) {
    let mut parts = text.split('|').chain(std::iter::repeat(""));
    let mut next = || parts.next().unwrap_or_default();
    let frame = frame(next(), next(), next(), next());
    assert_eq!(
        is_in_app(platform, &frame, rules),
        expected,
        "{platform}: {text}"
    );
}

#[test]
fn what_a_javascript_engine_does_itself_has_no_file() {
    check("javascript", "JSON.parse", false);
    check("node", "Array.map", false);
    check("javascript", "map||shop.js", true);
    check("php", "map", true);
}

#[test]
fn the_committed_table_is_read_whole() {
    let table: toml::Table = include_str!("rules.toml").parse().expect("TOML");
    let rows = table["language"].as_array().expect("languages");
    assert_eq!(rows.len(), LANGUAGES.languages.len());
    for row in rows {
        for (key, value) in row.as_table().expect("a language is a table") {
            assert!(
                ["platforms", "paths", "names", "packages"].contains(&key.as_str()),
                "{key}"
            );
            let texts = value.as_array().expect("a list");
            assert!(
                texts
                    .iter()
                    .all(|text| text.as_str().is_some_and(|text| !text.is_empty()))
            );
        }
    }
    for platform in [
        "python",
        "javascript",
        "java",
        "go",
        "ruby",
        "php",
        "csharp",
        "native",
        "linux-kernel",
        "cocoa",
        "dart",
        "elixir",
        "lua",
        "perl",
    ] {
        assert!(LANGUAGES.of(platform).is_some(), "{platform}");
    }
}

#[test]
fn python() {
    check("python", "pay||/srv/app/shop.py", true);
    check("python", "<module>||<string>", true);
    check(
        "python",
        "run||/usr/lib/python3.11/asyncio/runners.py",
        false,
    );
    check(
        "python",
        "get||/srv/venv/lib/python3.12/site-packages/requests/api.py",
        false,
    );
    check(
        "python",
        "get||C:\\Users\\a\\venv\\Lib\\site-packages\\requests\\api.py",
        false,
    );
    check(
        "python",
        "run||C:\\Python311\\Lib\\asyncio\\runners.py",
        false,
    );
    check("python", "pay||C:\\Users\\a\\shop\\lib\\pay.py", true);
    check(
        "python",
        "_find_and_load||<frozen importlib._bootstrap>",
        false,
    );
    check("python", "pay||lib/pythonic/pay.py", true);
}

#[test]
fn javascript() {
    check("javascript", "pay||/srv/shop/pay.js", true);
    check(
        "javascript",
        "pay||https://shop.example/static/main.3f2a.js",
        true,
    );
    check("javascript", "||webpack:///./src/pay.js", true);
    check("javascript", "pay||app:///internal/pay.js", true);
    check("javascript", "readFileSync||node:fs", false);
    check(
        "javascript",
        "next||/srv/shop/node_modules/express/lib/router/index.js",
        false,
    );
    check(
        "javascript",
        "Module.load||internal/modules/cjs/loader.js",
        false,
    );
    check("javascript", "emit||events.js", false);
    check("javascript", "on||/srv/shop/events.js", true);
    check("javascript", "map||<anonymous>", false);
    check("javascript", "forEach||[native code]", false);
    check(
        "javascript",
        "__webpack_require__||webpack:///webpack/bootstrap",
        false,
    );
    check("javascript", "x||chrome-extension://abc/inject.js", false);
    check(
        "javascript",
        "Cart||webpack-internal:///(app-client)/./src/Cart.tsx",
        true,
    );
    check(
        "javascript",
        "render||webpack-internal:///./node_modules/react-dom/index.js",
        false,
    );
}

#[test]
fn java() {
    check("java", "add|com.shop.Cart|Cart.java", true);
    check("java", "add|javafish.Pond|Pond.java", true);
    check("java", "parseInt|java.lang.Integer|Integer.java", false);
    check("java", "run|java.base/java.lang.Thread|Thread.java", false);
    check("java", "add|app//com.shop.Cart|Cart.java", true);
    check("java", "get|app//org.junit.Assert|Assert.java", false);
    check("java", "java.util.ArrayList.get", false);
    check(
        "java",
        "resumeWith|kotlin.coroutines.jvm.internal.BaseContinuationImpl",
        false,
    );
    check("java", "onCreate|androidx.fragment.app.Fragment", false);
    check(
        "java",
        "lambda$main$0|App$$Lambda$14/0x0000000800c03000",
        true,
    );
}

#[test]
fn go() {
    check("go", "main.run||/srv/shop/main.go", true);
    check("go", "shop/cart.Total||/home/a/shop/cart/cart.go", true);
    check(
        "go",
        "github.com/a/shop.(*Cart).Add||/home/a/shop/cart.go",
        true,
    );
    check(
        "go",
        "github.com/b/dep.F||/root/go/pkg/mod/github.com/b/dep@v1.2.0/f.go",
        false,
    );
    check(
        "go",
        "runtime.gopanic||/usr/local/go/src/runtime/panic.go",
        false,
    );
    check(
        "go",
        "time.Sleep||/usr/lib/go-1.19/src/runtime/time.go",
        false,
    );
    check("go", "net/http.(*conn).serve", false);
    check("go", "panic", false);
    check("go", "timetable.Show", true);
}

#[test]
fn ruby_and_php() {
    check("ruby", "pay||/srv/shop/app/models/cart.rb", true);
    check(
        "ruby",
        "call||/usr/local/bundle/gems/rack-3.0.0/lib/rack.rb",
        false,
    );
    check("ruby", "fetch||<internal:kernel>", false);
    check("ruby", "get||/usr/lib/ruby/3.1.0/net/http.rb", false);
    check("php", "total|App\\Cart|/srv/shop/src/Cart.php", true);
    check(
        "php",
        "handle|Symfony\\Kernel|/srv/shop/vendor/symfony/Kernel.php",
        false,
    );
    check("php", "array_map||[internal function]", false);
    check("php", "{main}||/srv/shop/index.php", true);
    check("php", "strlen||/srv/shop/index.php", false);
    check("php", "prepare|PDO|/srv/shop/index.php", false);
    check("php", "sort_orders||/srv/shop/index.php", true);
}

#[test]
fn csharp() {
    check("csharp", "Total|Shop.Cart|/src/Cart.cs", true);
    check("csharp", "Get|System.Collections.Generic.List`1", false);
    check("csharp", "Total|SystemShop.Cart", true);
    check(
        "csharp",
        "(wrapper managed-to-native) System.Object:x",
        false,
    );
}

#[test]
fn native() {
    check("native", "app::Doc::len||null.cc", true);
    check("native", "main||main.c", true);
    check("native", "void app::write<int>(std::ostream&)||a.cc", true);
    check("native", "std::vector<int> app::all<int>()||a.cc", true);
    check("native", "void std::sort<int*>(int*, int*)", false);
    check("native", "(anonymous namespace)::total(int)||a.cc", true);
    check(
        "native",
        "std::vector<int, std::allocator<int> >::at(unsigned long)",
        false,
    );
    check("native", "operator new(unsigned long)", false);
    check(
        "native",
        "__interceptor_malloc||../../../../src/libsanitizer/asan/asan_malloc_linux.cpp",
        false,
    );
    check(
        "native",
        "__pthread_kill_implementation||./nptl/pthread_kill.c",
        false,
    );
    check("native", "abort||./stdlib/abort.c", false);
    check("native", "abort_order||order.c", true);
    check("native", "Abort()||order.cc", true);
    check("native", "|||/lib/x86_64-linux-gnu/libstdc++.so.6", false);
    check("native", "gsignal|||/lib/x86_64-linux-gnu/libc.so.6", false);
    check("native", "|||/usr/lib/libc++.1.dylib", false);
    check("native", "pay|||/opt/shop/lib/libshop.so", true);
    check("native", "??", false);
    check("native-asan", "__asan_memcpy", false);
    check(
        "native",
        "RtlUserThreadStart|||C:\\WINDOWS\\SYSTEM32\\ntdll.dll",
        false,
    );
    check("native", "google::LogMessageFatal::~LogMessageFatal", false);
    check("native", "boost::throw_exception<E>||throw.hpp", false);
    check("native", "boosted::total||a.cc", true);
    check("native", "WTF::Vector<int, 0>::at||Vector.h", false);
    check("native", "fmt_total||a.c", true);
    check("native", "_etext", false);
}

#[test]
fn kernels() {
    check("linux-kernel", "ip6_fragment", true);
    check("linux-kernel", "p9_fd_close", true);
    check("linux-kernel", "dump_stack_lvl", false);
    check("linux-kernel", "__kasan_report", false);
    check("linux-kernel", "schedule_timeout", false);
    check("linux-kernel", "entry_SYSCALL_64_after_hwframe", false);
    check("linux-kernel", "memcpy", false);
    check("linux-kernel", "panicky_probe", true);
}

#[test]
fn other_languages() {
    check("cocoa", "-[HomeController pay]|||KeJinShou", true);
    check("cocoa", "__exceptionPreprocess|||CoreFoundation", false);
    check("cocoa", "objc_exception_throw|||libobjc.A.dylib", false);
    check("cocoa", "Shop.pay()|||Shop", true);
    check("cocoa", "main|||UIKitShop", true);
    check(
        "dart",
        "BoardViewState.build||package:boardview/boardview.dart",
        true,
    );
    check("dart", "_RootZone.run||dart:async/zone.dart", false);
    check(
        "dart",
        "State.setState||package:flutter/src/widgets/framework.dart",
        false,
    );
    check("elixir", "Shop.Cart.price/1||ex/a.exs", true);
    check("elixir", "Enum.map/2||lib/enum.ex|elixir", false);
    check(
        "elixir",
        "Shop.Cart.price/1||lib/shop/cart.ex|shop 0.1.0",
        true,
    );
    check(
        "elixir",
        "-map/2-lists^map/1-0-/2||lib/x.ex|elixir 1.14.0",
        false,
    );
    check("lua", "error||[C]", false);
    check("lua", "g||lua/b.lua", true);
    check("perl", "main::pay||/srv/shop/pay.pl", true);
    check("perl", "Carp::croak||/usr/share/perl/5.36/Carp.pm", false);
}

#[test]
fn of_an_unknown_language_everything_is_the_programs() {
    check("cobol", "PAY||pay.cbl", true);
    check("cobol", "", false);
}

#[test]
fn a_frame_may_have_a_platform_of_its_own() {
    let mut frame = frame("java.lang.Thread.run", "", "Thread.java", "");
    assert!(is_in_app("javascript", &frame, &InAppRules::default()));
    frame.other.insert("platform".into(), "java".into());
    assert!(!is_in_app("javascript", &frame, &InAppRules::default()));
}

#[test]
fn the_hosts_rules_stand_above_the_table() {
    let rules = |include: &str, exclude: &str| InAppRules {
        include: vec![include.into()],
        exclude: vec![exclude.into()],
    };
    check_with(
        &rules("com.android.shop", ""),
        "java",
        "add|com.android.shop.Cart",
        true,
    );
    check_with(
        &rules("", "com.shop.gen"),
        "java",
        "add|com.shop.gen.Cart",
        false,
    );
    check_with(
        &rules("", "com.shop.gen."),
        "java",
        "add|com.shop.general.Cart",
        true,
    );
    check_with(
        &rules("/site-packages/shop/", ""),
        "python",
        "f||/v/site-packages/shop/a.py",
        true,
    );
    check_with(
        &rules("", "/generated/"),
        "python",
        "f||/srv/generated/a.py",
        false,
    );
    check_with(
        &rules("shop", "shop"),
        "native",
        "void shop::pay<int>()",
        true,
    );
}

#[test]
fn hostile_frames_end() {
    for piece in [
        "(",
        "<",
        "/",
        "\\",
        "*",
        " ",
        "operator ",
        "é",
        "a/",
        "java.",
        "(anonymous ",
    ] {
        let text = piece.repeat(5000);
        for platform in ["native", "java", "python", "go"] {
            is_in_app(
                platform,
                &frame(&text, &text, &text, &text),
                &InAppRules::default(),
            );
        }
    }
}
