#include <cstdio>
#include <string>
#include <string_view>

#include "stages/shipped.h"
#include "tools/option_table.h"

/// Writes the manual page or the completion for bash to standard output, from the table of options: what the program
/// takes and what these say cannot differ.
namespace rebuild_projection {

namespace {

/// Text in the language of manual pages: no line may begin as a request does, and dashes are those that are typed.
std::string roff(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins_line = i == 0 || text[i - 1] == '\n';
    if (begins_line && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\')
      result += "\\e";
    else if (c == '-')
      result += "\\-";
    else
      result += c;
  }
  return result;
}

std::string dashed(const OptionSpec& option) {
  return "--" + std::string(option.name);
}

constexpr std::string_view manual_start =
    R"(.SH NAME
rebuild_projection \- rebuild the read models of an event store
.SH SYNOPSIS
.nf
\fBrebuild_projection \-\-projection\fR \fINAME\fR[,\fINAME\fR...] \fB\-\-mode DRY_RUN\fR|\fBAPPLY\fR [\fIOPTION\fR...]
\fBrebuild_projection \-\-check\fR [\fIOPTION\fR...]
\fBrebuild_projection \-\-init\fR \fITABLE\fR [\fIOPTION\fR...]
\fBrebuild_projection \-\-list\fR [\fB\-\-projections\fR \fIDIR\fR]
.fi
.SH DESCRIPTION
Replays the events of a PostgreSQL event store, oldest first, into projection tables, in one transaction a batch.
The event store is never written to.
)";

constexpr std::string_view manual_end =
    R"(.SH FILES
PREFIX is where the program was installed: /usr, /usr/local, or a folder of its own.
.TP
.I PREFIX/share/rebuild_projection/projections
the examples: projection files, and the tables they fill
.TP
.I PREFIX/share/rebuild_projection/stores
the presets of \-\-store
.TP
.I PREFIX/share/doc/rebuild\-projection
how to write a projection file, a store file and a projector in C++; how to use the program in production
)";

std::string manual() {
  std::string text =
      ".TH REBUILD_PROJECTION 1 \"\" \"rebuild_projection " REBUILD_PROJECTION_VERSION "\" \"User Commands\"\n";
  text += manual_start;
  text += ".SH OPTIONS\n";
  std::string_view group;
  for (const OptionSpec& option : option_table()) {
    if (option.group != group) text += ".SS " + roff(option.group) + '\n';
    group = option.group;
    text += ".TP\n\\fB" + roff(dashed(option)) + "\\fR";
    if (!option.is_flag()) text += " \\fI" + roff(option.value) + "\\fR";
    text += '\n' + roff(option.help) + ".\n";
    if (option.from_elsewhere) text += ".br\nEnvironment: \\fB" + roff(environment_name(option.name)) + "\\fR\n";
  }
  text += ".SH NOTES\n.nf\n" + roff(help_footer()) + "\n.fi\n";
  return text += manual_end;
}

/// The words that the option's value is one of, with blanks between; empty where it is anything.
std::string words(const OptionSpec& option) {
  std::string result;
  // What --help calls the value: "auto|always|never", or "in-place" as the only one; else a placeholder in capitals.
  if (option.value.find_first_of("|abcdefghijklmnopqrstuvwxyz") != std::string_view::npos) result = option.value;
  if (option.value == "LEVEL") result = option.help.substr(0, option.help.find(" ("));  // "trace, ... warn or error"
  if (option.name == "store" || option.name == "show-store") {
    result.clear();
    for (const ShippedFile& preset : shipped_stores())
      result += std::string(preset.name.substr(0, preset.name.rfind('.'))) + ' ';
  }
  if (const std::size_t before_last = result.find(" or "); before_last != std::string::npos)
    result.erase(before_last, 3);
  for (char& c : result)
    if (c == '|' || c == ',') c = ' ';
  return result;
}

/// What completes the option's value; empty where nothing can.
std::string value_completion(const OptionSpec& option) {
  if (option.name == "projection") return "_rebuild_projection_names";
  std::string commands, files;
  if (const std::string known = words(option); !known.empty())
    commands = "compgen -W \"" + known + "\" -- \"$current\"";
  if (option.value == "DIR") files = "compgen -d -- \"$current\"";
  if (option.value.find("FILE") != std::string_view::npos) files = "compgen -f -- \"$current\"";
  if (!commands.empty() && !files.empty()) commands += "; ";
  commands += files;
  if (commands.empty()) return "";
  return (files.empty() ? "" : "compopt -o filenames 2>/dev/null; ") + ("mapfile -t COMPREPLY < <(" + commands + ")");
}

constexpr std::string_view completion_start =
    R"(# bash completion for rebuild_projection, made from its table of options
_rebuild_projection_names() { # all, and what --list lists; after "a," the next one
  local i name before= options=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    [ "${COMP_WORDS[i]}" = --projections ] || continue
    [ "${COMP_WORDS[i + 1]}" != = ] || ((++i))
    options=(--projections "${COMP_WORDS[i + 1]/#\~\//$HOME/}")
  done
  [[ $current != *,* ]] || before=${current%,*},
  # Not by compgen -W, which would run what a name holds.
  while read -r name _; do
    [[ $before$name != "$current"* ]] || COMPREPLY+=("$before$name")
  done < <([ -n "$before" ] || echo all
    "${COMP_WORDS[0]/#\~\//$HOME/}" --list "${options[@]}" 2>/dev/null | tail -n +2)
}
_rebuild_projection() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  # "--mode=DRY" comes as three words.
  if [ "$current" = = ]; then current=; elif [ "$previous" = = ]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi
  COMPREPLY=()
  case $previous in
)";

std::string completion() {
  std::string cases, names, unknown;
  for (const OptionSpec& option : option_table()) {
    names += dashed(option) + ' ';
    if (option.is_flag()) continue;
    const std::string commands = value_completion(option);
    if (commands.empty())
      unknown += (unknown.empty() ? "" : " | ") + dashed(option);
    else
      cases += "    " + dashed(option) + ") " + commands + " ;;\n";
  }
  return std::string(completion_start) + cases + "    " + unknown +
         ") ;;\n    *) mapfile -t COMPREPLY < <(compgen -W \"" + names +
         "\" -- \"$current\") ;;\n"
         "  esac\n"
         "}\n"
         "complete -F _rebuild_projection rebuild_projection\n";
}

}  // namespace

}  // namespace rebuild_projection

int main(int argc, char** argv) {
  const std::string_view what = argc == 2 ? argv[1] : "";
  if (what != "man" && what != "bash") {
    std::fputs("usage: write_manual man|bash\n", stderr);
    return 1;
  }
  const std::string text = what == "man" ? rebuild_projection::manual() : rebuild_projection::completion();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0 ? 0 : 1;
}
