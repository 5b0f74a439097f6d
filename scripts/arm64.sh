# scripts/arm64.sh: Debian's packages for arm64, by apt, whose own lists and packages stay as they are. Sourced.
#
# arm64_lists DIR [SUFFIX]: fetch the lists into DIR; with a suffix, as "backports", of those suites in place of the usual ones. Sets $arm64, the
# options by which apt's programs use them.
arm64_lists() {
	local dir=$1
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	arm64=(-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::lists="$dir/lists" -o Dir::Cache="$dir/cache" \
		-o APT::Sandbox::User=root)
	if [ -n "${2:-}" ]; then
		apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(ORIGIN)' 'Created-By: Packages' 'Component: main' | awk -v suffix="$2" '
			$3 == "Debian" && $2 !~ /-/ { print "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]", $1, $2 "-" suffix, "main" }' |
			sort -u >"$dir/sources.list"
		arm64+=(-o Dir::Etc::SourceList="$dir/sources.list")
	fi
	apt-get "${arm64[@]}" update >&2
}

# arm64_unpack DIR PACKAGE...: fetch packages, and what is in them into DIR/root
arm64_unpack() {
	local dir=$1 package
	shift
	mkdir -p "$dir/root"
	(cd "$dir" && apt-get "${arm64[@]}" download "$@" >&2)
	for package in "$dir"/*.deb; do dpkg-deb -x "$package" "$dir/root"; done
	rm -f "$dir"/*.deb
}
