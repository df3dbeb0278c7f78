# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debian.sh - a private apt: package lists and sources of its own in a temporary folder, so that
# nothing of the machine's own apt state changes.  Sourced by fetch-kernel.sh and deps.sh.
#
#	apt_private_init DIR	make DIR a private apt state, with no sources yet
#	apt_private_add SUITE	add a suite of the Debian archive that this machine uses
#	apt_private apt-get ...	run an apt tool on it

debian_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The release's code name ("bookworm"), empty when this is not Debian.
debian_codename()
{
	# shellcheck disable=SC1091 # not ours to check
	(ID='' VERSION_CODENAME='' && . /etc/os-release 2>/dev/null && [ "$ID" = debian ] &&
		echo "$VERSION_CODENAME")
}

# Prints the machine's Debian archive: the URI that serves its own release.  Both forms of apt
# sources are read; without either the public archive is it.
debian_uri()
{
	codename=$(debian_codename)
	uri=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk -v suite="$codename" '
		/^#/ { next }
		/^[ \t]*$/ { if (ours && uri) exit; uri = ""; ours = 0; next }
		/^URIs:/ { uri = $2 }
		/^Suites:/ { for (i = 2; i <= NF; i++) if ($i == suite) ours = 1 }
		END { if (ours && uri) print uri }')
	[ "$uri" ] || uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		awk -v suite="$codename" '$1 == "deb" {
			sub(/\[[^]]*\]/, "")
			if ($3 == suite) { print $2; exit }
		}')
	echo "${uri:-http://deb.debian.org/debian}"
}

apt_private_init()
{
	apt_dir=$1
	mkdir -p "$apt_dir/sources" "$apt_dir/lists/partial" "$apt_dir/archives/partial"
	# apt drops to the user _apt for downloads, which must be able to look in.
	chmod 755 "$apt_dir"
}

apt_private_add()
{
	cat >"$apt_dir/sources/$1.sources" <<-EOF
		Types: deb
		URIs: $(debian_uri)
		Suites: $1
		Components: main
		$([ ! -e "$debian_keyring" ] || echo "Signed-By: $debian_keyring")
	EOF
}

apt_private()
{
	tool=$1
	shift
	"$tool" -q -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt_dir/sources" \
		-o Dir::State::lists="$apt_dir/lists" -o Dir::Cache="$apt_dir" \
		-o Dir::Cache::archives="$apt_dir/archives" -o Acquire::Languages=none \
		-o Acquire::Retries=2 -o Acquire::http::Timeout=20 "$@"
}
