# SPDX-License-Identifier: Apache-2.0
# Words of a text: hashes, regular expressions, sorting.
use strict;
my (%count, $lines, $chars);
open(my $f, '<', '/bench/data/text1m') or die;
while (my $line = <$f>) {
    $lines++;
    $line =~ s/#.*$//;
    $chars += length $line;
    $count{lc $1}++ while $line =~ /\b([A-Za-z_]\w+)\b/g;
}
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "$lines $chars ", scalar(@top), " $top[0] $top[10] ", join('', map { substr($_, 0, 1) } @top[0 .. 99]), "\n";
