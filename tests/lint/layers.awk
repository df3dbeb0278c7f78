# SPDX-License-Identifier: GPL-2.0-or-later
#
# An include that points the wrong way is a defect.  Each room lists what it may
# use besides itself and the public headers; rooms that are not listed may use all.

BEGIN {
	allowed["include"] = "^thermocline/"
	allowed["report_api"] = "^(report_api/|thermocline/|core/error\\.h$)"
	allowed["core"] = "^(core|report_api|thermocline)/"
	allowed["sources"] = "^(sources|core|report_api|thermocline)/"
	allowed["tiering"] = "^(tiering|core|thermocline)/"
}

FNR == 1 {
	room = FILENAME
	sub(/^\.\//, "", room)
	sub(/\/.*/, "", room)
}

room in allowed && /^[ \t]*#[ \t]*include[ \t]*"/ {
	name = $0
	sub(/^[^"]*"/, "", name)
	sub(/".*/, "", name)
	if (name !~ allowed[room]) {
		printf "%s:%d: %s may not use \"%s\"\n", FILENAME, FNR, room, name
		bad = 1
	}
}

END { exit bad }
