#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace rebuild_projection {

/// `value` as a JSON string in a field of COPY's text format: the backslashes of the one are escaped for the other.
inline std::string json_string(std::string_view value) {
  std::string result = "\"";
  for (const char c : value) {
    switch (c) {
      case '"':
        result += R"(\\")";
        break;
      case '\\':
        result += R"(\\\\)";
        break;
      case '\t':
        result += R"(\\t)";
        break;
      case '\n':
        result += R"(\\n)";
        break;
      default:
        result += c;
    }
  }
  return result + '"';
}

inline std::vector<std::string> json_strings(std::initializer_list<std::string_view> values) {
  std::vector<std::string> result;
  for (const std::string_view value : values) result.push_back(json_string(value));
  return result;
}

/// What generated events say. Every text is as json_string() makes it, quotes and all.
struct Vocabulary {
  std::vector<std::string> names;
  std::vector<std::string> locations =
      json_strings({"Berlin", "München", "Zürich", "Kraków", "São Paulo", "東京", "Remote", "Washington, \"DC\""});
  std::vector<std::string> sources =
      json_strings({"referral", "job board", "career page", "fair", "C:\\import\\2024.csv"});
  std::vector<std::string> channels = json_strings({"phone", "email", "chat", "in person"});
  std::vector<std::string> skills =
      json_strings({"C++", "SQL", "Rust", "\"soft\" skills", "SAP", "Verhandlung", "日本語"});
  std::vector<std::string> notes = json_strings(
      {"Said \"maybe next quarter\".", "CV is in C:\\CVs\\2025\\new.pdf", "Salary:\t65,000\nNotice:\t3 months",
       "Prefers remote 🏡, open to travel.", "\\.", "\\N", "NULL", "{\"not\": \"json\"}", "Très motivée — à revoir.",
       "It's a fit; '--' and {braces}, [brackets].", ""});
  std::vector<std::string> companies = json_strings({"Müller & Söhne GmbH", "Acme \"Rocket\" Corp.", "Ørsted Wind",
                                                     "株式会社さくら", "O'Neill Ltd", "Back\\slash AG", "Tab\tworks"});
  std::vector<std::string> reasons =
      json_strings({"budget", "no answer", "chose another agency", "on hold until \"Q3\""});

  Vocabulary() {
    for (const std::string_view first :
         {"Anna", "Zoë", "Łukasz", "Søren", "李", "Jürgen", "Mary \"May\"", "Siobhán", "José", "Ada"}) {
      for (const std::string_view last :
           {"O'Brien", "Müller", "Nowak", "Ångström", "Lee", "García", "娜", "de la Cruz", "Šimić"}) {
        names.push_back(json_string(std::string(first) + ' ' + std::string(last)));
      }
    }
  }
};

}  // namespace rebuild_projection
