use super::*;

/// The tree as one line: what stands in quotes is quoted, `&` and `|` join, and each group has its parentheses.
fn show(tree: &Tree) -> String {
    let joined = |trees: &[Tree], sign: &str| {
        let parts: Vec<String> = trees.iter().map(show).collect();
        format!("({})", parts.join(sign))
    };
    match tree {
        Tree::All(trees) => joined(trees, " & "),
        Tree::Any(trees) => joined(trees, " | "),
        Tree::Not(tree) => format!("!{}", show(tree)),
        Tree::Text(value) => show_value(value),
        Tree::Saved(part) => format!("@{}", part.name),
        Tree::Pair(pair) => {
            let values: Vec<String> = pair.values.iter().map(show_value).collect();
            let part = pair.key.part.as_ref().map(|part| format!("[{part}]"));
            let sign = match pair.operator {
                Operator::Is => "=",
                Operator::Above => ">",
                Operator::AtLeast => ">=",
                Operator::Below => "<",
                Operator::AtMost => "<=",
            };
            format!(
                "{}{}{sign}{}",
                pair.key.name,
                part.unwrap_or_default(),
                values.join(",")
            )
        }
    }
}

fn show_value(value: &Value) -> String {
    match value.is_quoted {
        true => format!("{:?}", value.text),
        false => value.text.clone(),
    }
}

fn check(text: &str, expected: &str) {
    assert_eq!(show(&parse(text).unwrap()), expected, "{text}");
}

/// The query is refused at that byte, with these words in the message.
fn check_wrong(text: &str, position: usize, words: &str) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
    assert_eq!(place(&error), position, "{text}: {error}");
    assert!(error.message().contains(words), "{text}: {error}");
}

fn place(error: &Error) -> usize {
    let (_, position) = error.context().find(|(key, _)| *key == "position").unwrap();
    position.parse().unwrap()
}

#[test]
fn an_empty_query_asks_for_nothing() {
    check("", "()");
    check(" \t\n", "()");
}

#[test]
fn terms_beside_each_other_all_hold() {
    check("timeout level:error", "(timeout & level=error)");
    check("a AND b  c", "(a & b & c)");
}

#[test]
fn or_binds_weaker_than_and() {
    check("a b OR c AND d", "((a & b) | (c & d))");
    check("a OR b OR c", "(a | b | c)");
}

#[test]
fn parentheses_group() {
    check("(a OR b) c", "((a | b) & c)");
    check("((a))", "a");
    check("a(b)", "a(b)");
    check("a (b)", "(a & b)");
}

#[test]
fn not_binds_strongest() {
    check("NOT a b", "(!a & b)");
    check("!a OR !b:c", "(!a | !b=c)");
    check("!(a b)", "!(a & b)");
    check("NOT NOT !a", "!!!a");
    check("!\"a b\"", "!\"a b\"");
}

#[test]
fn operators_are_whole_words_in_upper_case() {
    check("or and not", "(or & and & not)");
    check("ORDER NOTE ANDROID", "(ORDER & NOTE & ANDROID)");
    check("a OR(b)", "(a | b)");
    check("\"OR\" x", "(\"OR\" & x)");
}

#[test]
fn a_value_may_be_quoted() {
    check("release:\"my app 2.0\" x", "(release=\"my app 2.0\" & x)");
    check("a:\"\"", "a=\"\"");
}

#[test]
fn quotes_and_backslashes_are_escaped_in_quotes() {
    check(
        r#""say \"hi\" \\ C:\temp""#,
        &format!("{:?}", r#"say "hi" \ C:\temp"#),
    );
}

#[test]
fn a_list_is_any_of_its_values() {
    check(
        "level:[error, fatal,\"x, y\"] z",
        "(level=error,fatal,\"x, y\" & z)",
    );
    check("a:[ b ]", "a=b");
    check("a:[(, b)]", "a=(,b)");
}

#[test]
fn values_are_compared() {
    check("timesSeen:>10", "timesSeen>10");
    check("timesSeen:>=10", "timesSeen>=10");
    check("timesSeen:<10", "timesSeen<10");
    check("timesSeen:<=\"10\"", "timesSeen<=\"10\"");
}

#[test]
fn ages_and_times_are_values() {
    check("age:-24h", "age=-24h");
    check(
        "lastSeen:>=2026-01-05T10:00:00+02:00",
        "lastSeen>=2026-01-05T10:00:00+02:00",
    );
}

#[test]
fn a_key_may_name_a_part() {
    check("tags[os name]:x", "(tags[os & name]:x)");
    check("tags[\"os name\"]:x", "tags[os name]=x");
    check("tags[os:v]:x", "tags[os:v]=x");
    check("tags[a]", "tags[a]");
}

#[test]
fn a_key_may_be_quoted() {
    check("\"my key\":x", "my key=x");
}

#[test]
fn what_looks_like_a_path_or_a_time_is_a_word() {
    check("std::io::Error", "std::io::Error");
    check("http://a.b/c", "http://a.b/c");
    check(r"C:\temp", r"C:\temp");
    check("12:30:45", "12:30:45");
    check("file:///a", "file:///a");
}

#[test]
fn a_value_holds_further_colons() {
    check("url:http://a/b?c=[d]", "url=http://a/b?c=[d]");
    check("stack.function:std::io::*", "stack.function=std::io::*");
}

#[test]
fn parentheses_inside_of_a_word_belong_to_it() {
    check("message:parse(x)", "message=parse(x)");
    check("(message:parse(x) OR y)", "(message=parse(x) | y)");
    check("f( x", "(f( & x)");
}

#[test]
fn keys_and_words_may_be_of_any_script() {
    check("größe:ü* Ошибка", "(größe=ü* & Ошибка)");
}

#[test]
fn a_name_behind_an_at_is_a_saved_search() {
    check("@mine x", "(@mine & x)");
    check("!(@mine OR @b-1_c)", "!(@mine | @b-1_c)");
    let Tree::Saved(part) = parse("@mine").unwrap() else {
        panic!();
    };
    assert_eq!((part.position, part.name.as_str()), (0, "mine"));
}

#[test]
fn an_at_elsewhere_is_part_of_a_word() {
    check(
        "a@b.c \"@mine\" user:@ada",
        "(a@b.c & \"@mine\" & user=@ada)",
    );
    check("@a.b", "@a.b");
}

#[test]
fn positions_are_byte_offsets() {
    let Tree::All(parts) = parse("ü a:[b, \"c\"]").unwrap() else {
        panic!();
    };
    let Tree::Pair(pair) = &parts[1] else {
        panic!()
    };
    let places: Vec<usize> = pair.values.iter().map(|value| value.position).collect();
    assert_eq!((pair.position, places), (3, vec![6, 9]));
}

#[test]
fn what_is_not_closed_is_shown_where_it_opened() {
    check_wrong("a \"b c", 2, "'\"' at its end");
    check_wrong("a:\"b", 2, "'\"' at its end");
    check_wrong("a (b c", 2, "')' at its end");
    check_wrong("(", 0, "')' at its end");
    check_wrong("a:[b, c", 2, "']' at its end");
}

#[test]
fn what_closes_nothing_is_refused() {
    check_wrong("a b) c", 3, "closes nothing");
    check_wrong(")", 0, "closes nothing");
}

#[test]
fn a_missing_value_is_named() {
    check_wrong("level: error", 6, "value is missing");
    check_wrong("level:", 6, "value is missing");
    check_wrong("(a:)", 3, "value is missing");
    check_wrong("timesSeen:> 3", 11, "value is missing");
    check_wrong("a:[b,,c]", 5, "value is missing");
    check_wrong("a:[]", 3, "value is missing");
    check_wrong("a:[b,]", 5, "value is missing");
}

#[test]
fn an_operator_needs_both_sides() {
    check_wrong("OR a", 0, "OR has nothing before it");
    check_wrong("a OR", 2, "OR has nothing behind it");
    check_wrong("(a AND) b", 3, "AND has nothing behind it");
    check_wrong("a AND OR b", 2, "AND has nothing behind it");
    check_wrong("(AND a)", 1, "AND has nothing before it");
    check_wrong("NOT", 0, "NOT has nothing behind it");
    check_wrong("a !", 2, "! has nothing behind it");
    check_wrong("a ! b", 2, "directly before");
}

#[test]
fn parentheses_hold_something() {
    check_wrong("a ()", 2, "nothing between");
}

#[test]
fn a_quote_inside_of_a_word_is_refused() {
    check_wrong("say\"hi\"", 3, "around all of it");
    check_wrong("\"say\"hi", 5, "blank");
    check_wrong("a:\"b\"c", 5, "blank");
    check_wrong("a:[b]c", 5, "blank");
}

#[test]
fn values_of_a_list_are_divided_by_commas() {
    check_wrong("a:[b c]", 5, "comma");
    check_wrong("a:>[1, 2]", 3, "one value");
}

#[test]
fn a_query_is_bounded() {
    let words = |count| vec!["a"; count].join(" ");
    assert!(parse(&words(TERMS_MAX)).is_ok());
    check_wrong(&words(TERMS_MAX + 1), 2 * TERMS_MAX, "200 words");
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX - 1)).is_ok());
    check_wrong(&nested(DEPTH_MAX), DEPTH_MAX, "more than 50");
    check_wrong(&"!".repeat(4000), DEPTH_MAX, "more than 50");
    assert!(parse(&"a".repeat(TEXT_BYTES_MAX)).is_ok());
    check_wrong(
        &"a".repeat(TEXT_BYTES_MAX + 1),
        TEXT_BYTES_MAX,
        "4096 bytes",
    );
}
