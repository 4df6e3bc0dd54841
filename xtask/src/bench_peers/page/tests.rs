//! Tests of replacing one table among several.

use super::*;

#[test]
fn a_new_table_goes_to_the_end() {
    let page = with_section("# Page\n\nText.\n", "a", "| 1 |\n").unwrap();
    assert_eq!(page, "# Page\n\nText.\n\n<!-- table: a -->\n| 1 |\n\n<!-- end of table: a -->\n");
}

#[test]
fn a_table_is_replaced_where_it_stands() {
    let page = with_section("# Page\n", "135m amx", "old").unwrap();
    let page = with_section(&page, "135m avx2", "other").unwrap();
    let again = with_section(&page, "135m amx", "new").unwrap();
    assert_eq!(again, page.replace("old", "new"));
    assert_eq!(with_section(&again, "135m amx", "new").unwrap(), again);
}

#[test]
fn a_damaged_page_is_left_alone() {
    for damaged in ["<!-- table: a -->\n", "<!-- end of table: a -->\n<!-- table: a -->\n"] {
        assert!(with_section(damaged, "a", "x").is_err(), "{damaged}");
    }
}
