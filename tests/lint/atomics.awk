# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every atomic access names its memory order and says why it is right: a statement
# with atomic_*_explicit(), __atomic_*() or a fence follows a comment, at most two
# lines above it, that names each order which the statement uses.  Forms without an
# order, and plain operators on what the file declares atomic, are errors.

function complain(line, what)
{
	printf "%s:%d: %s\n", FILENAME, line, what
	bad = 1
}

# The statement is whole: is each of its orders in the comment?
function check_statement(  text, order)
{
	if (at - comment_end > 3)
		complain(at, "atomic without a comment that justifies its order")
	text = statement
	while (match(text, /memory_order_[a-z_]+|__ATOMIC_[A-Z_]+/)) {
		order = tolower(substr(text, RSTART, RLENGTH))
		sub(/^memory_order_|^__atomic_/, "", order)
		text = substr(text, RSTART + RLENGTH)
		if (at - comment_end <= 3 && index(comment, order) == 0)
			complain(at, "the comment above does not name the order: " order)
	}
	statement = ""
}

FNR == 1 {
	statement = comment = names = ""
	comment_end = -9
	in_comment = 0
}

{
	code = $0
	gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
	# Comments: one is kept, with the line where it ends.
	if (in_comment || code ~ /\/\*/) {
		if (!in_comment)
			comment = ""
		comment = comment " " code
		comment_end = FNR
		in_comment = 1
		if (code ~ /\*\//) {
			in_comment = 0
			gsub(/\/\*.*\*\//, "", code)
		} else {
			sub(/\/\*.*/, "", code)
		}
		if (in_comment || code ~ /^[ \t]*\*/)
			next
	}
}

# Declarations of fields and variables, to recognise plain operators on them.
/_Atomic|atomic_(bool|int|uint)[ \t]/ && /;[ \t]*(\/\*.*)?$/ && code !~ /\(/ {
	name = code
	sub(/[ \t]*(=.*)?;.*$/, "", name)
	sub(/\[[^\]]*\]$/, "", name)
	sub(/^.*[ \t*]/, "", name)
	if (name != "")
		names = names (names == "" ? "" : "|") name
}

names != "" && code ~ ("[A-Za-z0-9_)\\]](->|\\.)(" names ")[ \t]*(=[^=]|\\+\\+|--|[-+|&^]=)") {
	complain(FNR, "plain operator on an atomic: use the _explicit form")
}

code ~ /(^|[^_a-z])atomic_(load|store|exchange|fetch_[a-z]+|compare_exchange_[a-z]+|flag_[a-z_]+)[ \t]*\(/ &&
code !~ /_explicit[ \t]*\(/ {
	complain(FNR, "implicit seq_cst: use the _explicit form")
}

code ~ /(atomic_[a-z_]+_explicit|__atomic_[a-z_]+|atomic_(thread|signal)_fence)[ \t]*\(/ && statement == "" {
	at = FNR
	statement = code
	if (code ~ /[;{]/)
		check_statement()
	next
}

statement != "" {
	statement = statement code
	if (code ~ /[;{]/)
		check_statement()
}

END { exit bad }
