# SPDX-License-Identifier: GPL-2.0
#
# From one suite's file /sys/kernel/debug/kunit/*/results to flat KTAP without
# numbers: a line for each case, with its parameters counted.  What KUnit says is
# kept, as diagnostics, where something failed.
#
# KUnit indents cases by 4 blanks, parameters by 8, and the suite not at all.
# Variable: suite, its name.

# result(ok, name) - one line, after its diagnostics
function result(ok, name) {
	if (!ok)
		printf "%s", said
	print (ok ? "ok " : "not ok ") name
	said = ""
	failed += !ok
}

# split_result() - set ok, name and skip ("" or the directive) from the line
function split_result() {
	ok = $1 == "ok"
	name = $0
	sub(/^ *(not )?ok [0-9]+ */, "", name)
	skip = ""
	if (match(name, / *# SKIP.*/)) {
		skip = substr(name, RSTART)
		sub(/^ */, " ", skip)
		sub(/ *$/, "", skip)
		name = substr(name, 1, RSTART - 1)
	}
	sub(/ *$/, "", name)
}

/^ *KTAP version / || /^ *# Subtest: / { next }

/^    1\.\.[0-9]+$/ {
	planned = substr($1, 4) + 0
	next
}

/^        (not )?ok [0-9]+/ {
	split_result()
	params++
	if (skip != "")
		params_skipped++
	if (!ok) {
		params_failed++
		kept = kept said "# failed: " name "\n"
	}
	said = ""
	next
}

/^    (not )?ok [0-9]+/ {
	split_result()
	cases++
	if (params == 1)
		name = name " (1 parameter"
	else if (params)
		name = name " (" params " parameters"
	if (params_failed)
		name = name ", " params_failed " failed"
	if (params_skipped)
		name = name ", " params_skipped " skipped"
	if (params)
		name = name ")"
	said = kept said
	result(ok, suite ": " name skip)
	params = params_failed = params_skipped = 0
	kept = ""
	next
}

/^(not )?ok [0-9]+ / {
	verdict = $1
	next
}

/^1\.\.1$/ || /^ *$/ { next }

{
	sub(/^    /, "")
	sub(/^# /, "")
	said = said "# " $0 "\n"
}

# What is missing is a failure, too.
END {
	said = kept said
	if (!cases)
		result(0, suite ": no results")
	else if (cases != planned)
		result(0, suite ": " cases " results instead of " planned + 0)
	else if (verdict == "")
		result(0, suite ": it does not end")
	else if (verdict == "not" && !failed)
		result(0, suite ": the suite failed")
}
